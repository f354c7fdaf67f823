"""Curves of precision over recall."""

import numpy as np
import pytest

from yolox_ela.evaluate.average_precision import average_precision, hundred_one_points
from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.precision_recall import plot_precision_recall, precision_recall_curves

BOX, FAR = (10, 10, 50, 50), (200, 200, 240, 240)


def test_by_hand(build_split, build_detections):
    split = build_split([[(0, BOX)], [(0, BOX)], [(1, BOX)]])
    rows = [(0, 0, 0.9, BOX), (0, 0, 0.8, FAR), (1, 0, 0.7, BOX)]
    curves = precision_recall_curves(score_split(build_detections(rows), split))
    assert curves.precision[0, [0, 50, 51, 100]] == pytest.approx([1, 1, 2 / 3, 2 / 3])
    assert not curves.precision[1].any()
    assert np.isnan(curves.precision[2]).all()
    assert curves.mean[[0, 100]] == pytest.approx([1 / 2, 1 / 3])
    assert list(curves.to_json(("cat", "dog", "cow"))["per_class"]) == ["cat", "dog"]


@pytest.mark.parametrize("seed", range(5))
def test_mean_height_is_the_ap_over_the_same_recalls(random_run, seed):
    split, found = random_run(seed)
    scores = score_split(found, split)
    curves = precision_recall_curves(scores)
    expected = average_precision(scores.voc, hundred_one_points)[0]
    np.testing.assert_allclose(curves.precision.mean(axis=1), expected, atol=1e-12)
    assert (np.diff(curves.precision, axis=1) <= 0).all()


def test_the_mean_and_every_class_of_few_are_named(scored_run):
    _, _, scores = scored_run
    names = ("_cat", "dog", "cow")
    figure = plot_precision_recall(precision_recall_curves(scores), scores.ap50, names)
    legend = [text.get_text().split("  ")[0].strip() for text in figure.legends[0].get_texts()]
    assert sorted(legend) == ["_cat", "cow", "dog", "mean of 3"]
