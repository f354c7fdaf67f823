"""The AP that fixing each kind of error would give."""

from dataclasses import replace

import numpy as np
import pytest

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.error_costs import error_costs, plot_error_costs
from yolox_ela.report.error_kinds import DETECTION_KINDS, NO_ERROR, ErrorKind, find_errors

CAT, DOG, COW = 0, 1, 2
A, B, C = (10, 10, 109, 109), (300, 10, 399, 109), (600, 10, 699, 109)
NEAR_A = (60, 10, 159, 109)  # 50 columns of 150 in common: IoU 1/3
FAR = (10, 500, 109, 599)


def of(detections, split):
    scores = score_split(detections, split)
    return error_costs(detections, split, scores, find_errors(detections, split, scores))


def test_gains_by_hand(build_split, build_detections):
    """Two cats: one found below a false detection on the other, which a better box would find."""
    split = build_split([[(CAT, A), (CAT, B)]])
    costs = of(build_detections([(0, CAT, 0.9, NEAR_A), (0, CAT, 0.5, B)]), split)
    assert costs.ap == pytest.approx(0.5 * 0.5)
    assert costs.gains[ErrorKind.LOCALISATION] == pytest.approx(1 - 0.25)
    assert costs.gains[[k for k in ErrorKind if k != ErrorKind.LOCALISATION]].tolist() == [0] * 5
    assert costs.false_positive_gain == pytest.approx(0.5 - 0.25)
    assert costs.false_negative_gain == pytest.approx(0.5 - 0.25)


def test_missed_objects_leave_the_ground_truth(build_split, build_detections):
    split = build_split([[(CAT, A), (CAT, B), (CAT, C, True)]])
    costs = of(build_detections([(0, CAT, 0.9, A)]), split)
    assert costs.errors.missed.tolist() == [False, True, False]
    assert (costs.ap, costs.gains[ErrorKind.MISSED]) == (0.5, 0.5)


def test_a_class_of_missed_objects_alone_stays_at_zero(build_split, build_detections):
    costs = of(build_detections([(0, CAT, 0.9, FAR)]), build_split([[(CAT, A)]]))
    assert (costs.ap, costs.gains[ErrorKind.MISSED], costs.false_negative_gain) == (0, 0, 0)


def test_the_best_score_fixes_an_object_and_others_are_removed(build_split, build_detections):
    """The second one fixes the cat A when boxes are fixed, so fixing classes only removes."""
    rows = [(0, DOG, 0.8, A), (0, CAT, 0.9, NEAR_A), (0, CAT, 0.7, NEAR_A), (0, CAT, 0.6, B)]
    split = build_split([[(CAT, A), (CAT, B), (DOG, C)]])
    costs = of(build_detections([*rows, (0, DOG, 0.5, C)]), split)
    before = (0.5 * 1 / 3 + 1 / 2) / 2
    assert costs.ap == pytest.approx(before)
    assert costs.gains[ErrorKind.CLASSIFICATION] == pytest.approx((1 / 6 + 1) / 2 - before)
    assert costs.gains[ErrorKind.LOCALISATION] == pytest.approx((1 + 1 / 2) / 2 - before)
    assert costs.errors.missed.tolist() == [False, False, False]


def test_errors_on_difficult_objects_are_removed_not_turned_true(build_split, build_detections):
    split = build_split([[(CAT, A, True), (CAT, B)]])
    costs = of(build_detections([(0, CAT, 0.9, NEAR_A), (0, CAT, 0.8, B)]), split)
    assert costs.errors.kinds.tolist() == [ErrorKind.LOCALISATION, NO_ERROR]
    assert (costs.ap, costs.gains[ErrorKind.LOCALISATION]) == (0.5, 0.5)
    assert not costs.errors.missed.any()


@pytest.mark.parametrize("seed", range(20))
def test_gains_are_those_of_scoring_the_fixed_detections(random_run, seed):
    """Boxes, classes and objects really changed, and all matched and scored anew."""
    split, found = random_run(seed)
    costs = of(found, split)
    ap50 = score_split(found, split).ap50
    has_objects = np.isfinite(ap50)
    assert costs.ap == pytest.approx(ap50[has_objects].mean(), abs=1e-12)

    fixable = np.isin(costs.errors.kinds, [ErrorKind.CLASSIFICATION, ErrorKind.LOCALISATION])
    best = {}
    for row in np.argsort(-found.scores):
        if fixable[row] and costs.errors.unfound[costs.errors.objects[row]]:
            best.setdefault(costs.errors.objects[row], row)
    for kind in DETECTION_KINDS:
        fixed = [row for row in best.values() if costs.errors.kinds[row] == kind]
        about = costs.errors.objects[fixed]
        labels, boxes = found.labels.copy(), found.boxes.copy()
        if kind is ErrorKind.LOCALISATION:
            boxes[fixed] = split.boxes[about]
        labels[fixed] = split.labels[about]
        keep = costs.errors.kinds != kind
        keep[fixed] = True
        after_fix = Detections(found.images[keep], boxes[keep], found.scores[keep], labels[keep])
        after = score_split(after_fix, split).ap50[has_objects].mean()
        assert costs.gains[kind] == pytest.approx(after - costs.ap, abs=1e-12)
    for removed, gain in (
        (costs.errors.missed, costs.gains[ErrorKind.MISSED]),
        (costs.errors.unfound, costs.false_negative_gain),
    ):
        fewer = without(split, removed)
        after = np.nan_to_num(score_split(found, fewer).ap50)[has_objects].mean()
        assert gain == pytest.approx(after - costs.ap, abs=1e-12)


def without(split, removed):
    """The split less some of its objects."""
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))[~removed]
    counts = np.bincount(images, minlength=len(split))
    return replace(
        split,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        boxes=split.boxes[~removed],
        labels=split.labels[~removed],
        difficult=split.difficult[~removed],
    )


@pytest.mark.parametrize("seed", range(20))
def test_gains_are_never_negative_and_at_most_those_of_removing_all(random_run, seed):
    split, found = random_run(seed)
    costs = of(found, split)
    assert (costs.gains >= -1e-12).all()
    assert costs.false_positive_gain >= costs.gains[list(DETECTION_KINDS)[2:]].max() - 1e-12
    assert costs.false_negative_gain >= costs.gains[ErrorKind.MISSED] - 1e-12


def test_gains_and_counts_are_shown(scored_run):
    split, found, scores = scored_run
    costs = error_costs(found, split, scores, find_errors(found, split, scores))
    left, right = plot_error_costs(costs, found.scores >= 0.3, 0.3).axes
    gains = [bar.get_width() for bar in left.patches]
    assert gains[:6] == pytest.approx(100 * costs.gains)
    counts = [bar.get_width() for bar in right.patches]
    kept = found.scores >= 0.3
    assert counts == [costs.errors.count(kind, kept) for kind in ErrorKind]


def test_nothing_at_all(build_split, build_detections):
    costs = of(build_detections([]), build_split([[]]))
    assert np.isnan(costs.ap)
    assert costs.to_json()["ap50"] is None
