"""TIDE's kinds of errors."""

import pytest

from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.error_kinds import DETECTION_KINDS, NO_ERROR, ErrorKind, find_errors

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
