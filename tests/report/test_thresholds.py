"""Precision, recall and F1 against the score threshold."""

import numpy as np
import pytest

from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.thresholds import THRESHOLDS, plot_f1, threshold_curves

CAT, DOG = 0, 1
A, B, C = (10, 10, 50, 50), (100, 10, 140, 50), (200, 10, 240, 50)


def curves_of(detections, split):
    return threshold_curves(detections, score_split(detections, split))


def test_by_hand(build_split, build_detections):
    """Two of three objects found; false ones at 0.6 and 0.2; a difficult one counts nowhere."""
    split = build_split([[(CAT, A), (CAT, B), (DOG, C)], [(CAT, A, True)]])
    rows = [
        (0, CAT, 0.8, A),
        (0, CAT, 0.6, C),
        (0, CAT, 0.4, B),
        (0, DOG, 0.2, A),
        (1, CAT, 0.95, A),
    ]
    curves = curves_of(build_detections(rows), split)
    best = curves.pooled.best
    assert (best.precision, best.recall, best.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert best.threshold == pytest.approx(0.201)  # the lowest that leaves out the last one
    at = curves.pooled.at(0.8)
    assert (at.threshold, at.precision, at.recall) == pytest.approx((0.8, 1, 1 / 3))
    assert np.isnan(curves.pooled.at(0.81).precision)
    assert curves.pooled.at(0).precision == pytest.approx(2 / 4)
    assert curves.classes[CAT].best.f1 == pytest.approx(4 / 5)
    assert curves.classes[DOG].best.f1 == 0
    assert curves.classes[2] is None


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_the_detections_kept(random_run, seed):
    split, found = random_run(seed)
    scores = score_split(found, split)
    curves = threshold_curves(found, scores)
    verdicts, _ = scores.verdicts()
    objects = (~split.difficult).sum()
    for index in (0, 300, 617, 900):
        kept = found.scores >= THRESHOLDS[index]
        hits = (kept & (verdicts == Verdict.TRUE)).sum()
        false = (kept & (verdicts == Verdict.FALSE)).sum()
        point = curves.pooled.at(THRESHOLDS[index])
        assert point.recall == pytest.approx(hits / objects)
        assert point.precision == pytest.approx(hits / (hits + false))
        assert point.f1 == pytest.approx(2 / (1 / point.precision + 1 / point.recall))
    assert (np.diff(curves.pooled.recall) <= 0).all()
    assert curves.pooled.best.f1 == curves.pooled.f1.max()


def test_a_score_equal_to_the_threshold_is_kept(build_split, build_detections):
    """Though 0.7 in single precision is less than 0.7 in double precision."""
    curves = curves_of(build_detections([(0, CAT, 0.7, A)]), build_split([[(CAT, A)]]))
    assert curves.pooled.at(0.7).recall == 1
    assert curves.pooled.at(0.701).recall == 0


def test_nothing_detected(build_split, build_detections):
    curves = curves_of(build_detections([]), build_split([[(CAT, A)]]))
    assert curves.pooled.best.f1 == 0
    assert curves.to_json(("cat", "dog", "cow"))["best"]["precision"] is None


def test_the_best_threshold_is_named_and_marked(scored_run):
    _, found, scores = scored_run
    curves = threshold_curves(found, scores)
    axes = plot_f1(curves).axes[0]
    best = curves.pooled.best
    assert f"best F1 {best.f1:.3f} at score {best.threshold:.3f}" in axes.get_title()
    marked = axes.lines[-1]
    assert (marked.get_xdata()[0], marked.get_ydata()[0]) == (best.threshold, best.f1)
