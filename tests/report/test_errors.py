"""TIDE's kinds of errors, and the AP that mending each would give."""

from dataclasses import replace

import numpy as np
import pytest

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.errors import DETECTION_KINDS, NO_ERROR, ErrorKind, find_errors

CAT, DOG, COW = 0, 1, 2
A, B, C = (10, 10, 109, 109), (300, 10, 399, 109), (600, 10, 699, 109)
NEAR_A = (60, 10, 159, 109)  # 50 columns of 150 in common: IoU 1/3
FAR = (10, 500, 109, 599)


def of(detections, split):
    return find_errors(detections, split, score_split(detections, split))


@pytest.mark.parametrize(
    ("row", "kind", "about"),
    [
        ((0, CAT, 0.5, A), NO_ERROR, 0),
        ((0, CAT, 0.5, NEAR_A), ErrorKind.LOCALISATION, 0),
        ((0, DOG, 0.5, A), ErrorKind.CLASSIFICATION, 0),
        ((0, DOG, 0.5, NEAR_A), ErrorKind.BOTH, 0),
        ((0, CAT, 0.5, FAR), ErrorKind.BACKGROUND, -1),
        ((0, CAT, 0.5, B), ErrorKind.CLASSIFICATION, 1),
        ((1, CAT, 0.5, A), ErrorKind.BACKGROUND, -1),  # an image without objects
        ((0, COW, 0.5, C), NO_ERROR, 2),  # difficult: ignored
        ((0, COW, 0.5, (650, 10, 749, 109)), ErrorKind.LOCALISATION, 2),
    ],
)
def test_kind_of_a_detection(build_split, build_detections, row, kind, about):
    split = build_split([[(CAT, A), (DOG, B), (COW, C, True)], []])
    errors = of(build_detections([row]), split)
    assert (errors.kinds.tolist(), errors.objects.tolist()) == ([kind], [about])


@pytest.mark.parametrize(
    ("columns", "own", "other"),  # IoU 0.515, 0.493, 0.111, 0.087
    [
        (32, NO_ERROR, ErrorKind.CLASSIFICATION),
        (34, ErrorKind.LOCALISATION, ErrorKind.BOTH),
        (80, ErrorKind.LOCALISATION, ErrorKind.BOTH),
        (84, ErrorKind.BACKGROUND, ErrorKind.BACKGROUND),
    ],
)
def test_overlaps_at_which_kinds_change(build_split, build_detections, columns, own, other):
    moved = (10 + columns, 10, 109 + columns, 109)
    for label, kind in ((CAT, own), (DOG, other)):
        errors = of(build_detections([(0, label, 0.5, moved)]), build_split([[(CAT, A)]]))
        assert errors.kinds.tolist() == [kind]


def test_duplicate(build_split, build_detections):
    errors = of(build_detections([(0, CAT, 0.5, A), (0, CAT, 0.9, A)]), build_split([[(CAT, A)]]))
    assert errors.kinds.tolist() == [ErrorKind.DUPLICATE, NO_ERROR]
    assert errors.objects.tolist() == [0, 0]
    assert not errors.missed.any()


def test_own_class_comes_before_others_as_in_tide(build_split, build_detections):
    """A detection badly placed for its class and well placed for another is a bad place."""
    errors = of(build_detections([(0, CAT, 0.5, A)]), build_split([[(CAT, NEAR_A), (DOG, A)]]))
    assert errors.kinds.tolist() == [ErrorKind.LOCALISATION]
    assert errors.overlaps[0] == pytest.approx(1 / 3)


def test_gains_by_hand(build_split, build_detections):
    """Two cats: one found below a false detection on the other, which a better box would find."""
    split = build_split([[(CAT, A), (CAT, B)]])
    errors = of(build_detections([(0, CAT, 0.9, NEAR_A), (0, CAT, 0.5, B)]), split)
    assert errors.ap == pytest.approx(0.5 * 0.5)
    assert errors.gains[ErrorKind.LOCALISATION] == pytest.approx(1 - 0.25)
    assert errors.gains[[k for k in ErrorKind if k != ErrorKind.LOCALISATION]].tolist() == [0] * 5
    assert errors.false_positive_gain == pytest.approx(0.5 - 0.25)
    assert errors.false_negative_gain == pytest.approx(0.5 - 0.25)


def test_missed_objects_leave_the_ground_truth(build_split, build_detections):
    split = build_split([[(CAT, A), (CAT, B), (CAT, C, True)]])
    errors = of(build_detections([(0, CAT, 0.9, A)]), split)
    assert errors.missed.tolist() == [False, True, False]
    assert (errors.ap, errors.gains[ErrorKind.MISSED]) == (0.5, 0.5)


def test_a_class_of_missed_objects_alone_stays_at_zero(build_split, build_detections):
    errors = of(build_detections([(0, CAT, 0.9, FAR)]), build_split([[(CAT, A)]]))
    assert (errors.ap, errors.gains[ErrorKind.MISSED], errors.false_negative_gain) == (0, 0, 0)


def test_the_best_score_mends_an_object_and_others_are_removed(build_split, build_detections):
    """The second one mends the cat A when boxes are mended, so mending classes only removes."""
    rows = [(0, DOG, 0.8, A), (0, CAT, 0.9, NEAR_A), (0, CAT, 0.7, NEAR_A), (0, CAT, 0.6, B)]
    split = build_split([[(CAT, A), (CAT, B), (DOG, C)]])
    errors = of(build_detections([*rows, (0, DOG, 0.5, C)]), split)
    before = (0.5 * 1 / 3 + 1 / 2) / 2
    assert errors.ap == pytest.approx(before)
    assert errors.gains[ErrorKind.CLASSIFICATION] == pytest.approx((1 / 6 + 1) / 2 - before)
    assert errors.gains[ErrorKind.LOCALISATION] == pytest.approx((1 + 1 / 2) / 2 - before)
    assert errors.missed.tolist() == [False, False, False]


def test_errors_on_difficult_objects_are_removed_not_turned_true(build_split, build_detections):
    split = build_split([[(CAT, A, True), (CAT, B)]])
    errors = of(build_detections([(0, CAT, 0.9, NEAR_A), (0, CAT, 0.8, B)]), split)
    assert errors.kinds.tolist() == [ErrorKind.LOCALISATION, NO_ERROR]
    assert (errors.ap, errors.gains[ErrorKind.LOCALISATION]) == (0.5, 0.5)
    assert not errors.missed.any()


@pytest.mark.parametrize("seed", range(20))
def test_gains_are_those_of_scoring_the_mended_detections(random_run, seed):
    """Boxes, classes and objects really changed, and all matched and scored anew."""
    split, found = random_run(seed)
    errors = of(found, split)
    ap50 = score_split(found, split).ap50
    has_objects = np.isfinite(ap50)
    assert errors.ap == pytest.approx(ap50[has_objects].mean(), abs=1e-12)

    mendable = np.isin(errors.kinds, [ErrorKind.CLASSIFICATION, ErrorKind.LOCALISATION])
    best = {}
    for row in np.argsort(-found.scores):
        if mendable[row] and errors.unfound[errors.objects[row]]:
            best.setdefault(errors.objects[row], row)
    for kind in DETECTION_KINDS:
        mended = [row for row in best.values() if errors.kinds[row] == kind]
        about = errors.objects[mended]
        labels, boxes = found.labels.copy(), found.boxes.copy()
        if kind is ErrorKind.LOCALISATION:
            boxes[mended] = split.boxes[about]
        labels[mended] = split.labels[about]
        keep = errors.kinds != kind
        keep[mended] = True
        fixed = Detections(found.images[keep], boxes[keep], found.scores[keep], labels[keep])
        after = score_split(fixed, split).ap50[has_objects].mean()
        assert errors.gains[kind] == pytest.approx(after - errors.ap, abs=1e-12)
    for removed, gain in (
        (errors.missed, errors.gains[ErrorKind.MISSED]),
        (errors.unfound, errors.false_negative_gain),
    ):
        fewer = without(split, removed)
        after = np.nan_to_num(score_split(found, fewer).ap50)[has_objects].mean()
        assert gain == pytest.approx(after - errors.ap, abs=1e-12)


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
def test_every_false_detection_and_unfound_object_is_accounted_for(random_run, seed):
    split, found = random_run(seed)
    scores = score_split(found, split)
    errors = find_errors(found, split, scores)
    verdicts, matched = scores.verdicts()
    assert ((errors.kinds != NO_ERROR) == (verdicts == Verdict.FALSE)).all()
    assert (errors.objects[verdicts != Verdict.FALSE] == matched[verdicts != Verdict.FALSE]).all()
    assert ((errors.objects < 0) == (errors.kinds == ErrorKind.BACKGROUND)).all()
    assert sum(errors.count(kind) for kind in DETECTION_KINDS) == (verdicts == Verdict.FALSE).sum()
    hits = (verdicts == Verdict.TRUE).sum()
    assert hits + errors.unfound.sum() == (~split.difficult).sum()
    assert not (errors.missed & ~errors.unfound).any()
    assert (errors.gains >= -1e-12).all()
    assert errors.false_positive_gain >= errors.gains[list(DETECTION_KINDS)[2:]].max() - 1e-12
    assert errors.false_negative_gain >= errors.gains[ErrorKind.MISSED] - 1e-12


def test_nothing_at_all(build_split, build_detections):
    errors = of(build_detections([]), build_split([[]]))
    assert np.isnan(errors.ap)
    assert errors.to_json()["ap50"] is None
