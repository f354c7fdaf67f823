"""VOC's rules: cases worked out by hand, and a slow evaluator written anew."""

import numpy as np
import pytest
from devkit import devkit
from yolox.evaluators.voc_eval import voc_ap

from yolox_ela.evaluate.average_precision import (
    all_points,
    average_precision,
    eleven_point,
    precision_recall,
)
from yolox_ela.evaluate.matching import match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import VOC_RULES

CAT, DOG, COW = 0, 1, 2
# 20 x 20 pixels each, far apart.
A, B, C = (10, 10, 29, 29), (100, 10, 119, 29), (200, 10, 219, 29)
NOWHERE = (500, 500, 519, 519)
# Five objects in a row, for curves.
ROW = [(50 * i, 0, 50 * i + 19, 19) for i in range(5)]

# name: objects of each image, detections (image, label, score, box), AP at 11 points, AP.
CASES = {
    "perfect": (
        [[(CAT, A), (CAT, B)], [(CAT, A)]],
        [(0, CAT, 0.9, A), (0, CAT, 0.8, B), (1, CAT, 0.7, A)],
        1,
        1,
    ),
    "all wrong": (
        [[(CAT, A)], [(CAT, B)]],
        [(0, CAT, 0.9, NOWHERE), (1, CAT, 0.8, A)],
        0,
        0,
    ),
    "nothing detected": ([[(CAT, A)]], [], 0, 0),
    "right place, wrong class": ([[(CAT, A)]], [(0, DOG, 0.9, A)], 0, 0),
    "right place, wrong image": ([[(CAT, A)], []], [(1, CAT, 0.9, A)], 0, 0),
    "image without objects": (
        # A false alarm above the hit: precision 1/2 everywhere.
        [[], [(CAT, A)]],
        [(0, CAT, 0.9, A), (1, CAT, 0.8, A)],
        0.5,
        0.5,
    ),
    "duplicate is false": (
        # Hit, false, hit: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1. Recalls 0 to 0.5 take 1,
        # 0.6 to 1 take 2/3.
        [[(CAT, A), (CAT, B)]],
        [(0, CAT, 0.9, A), (0, CAT, 0.8, A), (0, CAT, 0.7, B)],
        (6 + 5 * 2 / 3) / 11,
        0.5 + 0.5 * 2 / 3,
    ),
    "better score takes the object, not better overlap": (
        # (10, 10, 29, 23) covers 14 of 20 rows; the perfect box comes second and is a duplicate.
        [[(CAT, A), (CAT, B)]],
        [(0, CAT, 0.9, (10, 10, 29, 23)), (0, CAT, 0.8, A), (0, CAT, 0.7, B)],
        (6 + 5 * 2 / 3) / 11,
        0.5 + 0.5 * 2 / 3,
    ),
    "a taken best object is not swapped for the next one": (
        # Two objects 4 pixels apart overlap by 2/3. Both detections lie best on the first, so the
        # second object is missed: recall 1/2 at precision 1.
        [[(CAT, (10, 10, 29, 29)), (CAT, (14, 10, 33, 29))]],
        [(0, CAT, 0.9, (10, 10, 29, 29)), (0, CAT, 0.8, (11, 10, 30, 29))],
        6 / 11,
        0.5,
    ),
    "difficult object missed": (
        [[(CAT, A), (CAT, B, True)]],
        [(0, CAT, 0.9, A)],
        1,
        1,
    ),
    "difficult object found, even twice, does not count": (
        [[(CAT, A), (CAT, B, True)]],
        [(0, CAT, 0.9, B), (0, CAT, 0.8, B), (0, CAT, 0.7, A)],
        1,
        1,
    ),
    "equal overlaps go to the first object, here the difficult one": (
        [[(CAT, A, True), (CAT, A)]],
        [(0, CAT, 0.9, A)],
        0,
        0,
    ),
    "equal overlaps go to the first object, here the other": (
        [[(CAT, A), (CAT, A, True)]],
        [(0, CAT, 0.9, A)],
        1,
        1,
    ),
    "ties keep the given order: false first": (
        [[(CAT, A)]],
        [(0, CAT, 0.5, NOWHERE), (0, CAT, 0.5, A)],
        0.5,
        0.5,
    ),
    "ties keep the given order: true first": (
        [[(CAT, A)]],
        [(0, CAT, 0.5, A), (0, CAT, 0.5, NOWHERE)],
        1,
        1,
    ),
    "given order does not matter otherwise": (
        [[(CAT, A)]],
        [(0, CAT, 0.4, NOWHERE), (0, CAT, 0.5, A)],
        1,
        1,
    ),
    "known curve": (
        # Hit, false, hit, false, hit of 5 objects: precision 1, 1/2, 2/3, 1/2, 3/5 at recall
        # 0.2, 0.2, 0.4, 0.4, 0.6. Recalls 0, 0.1, 0.2 take 1; 0.3, 0.4 take 2/3; 0.5 takes 3/5;
        # 0.6 takes 0, since that sampling point lies a rounding error above a recall of 3 of 5.
        [[(CAT, box) for box in ROW]],
        [
            (0, CAT, 0.9, ROW[0]),
            (0, CAT, 0.8, NOWHERE),
            (0, CAT, 0.7, ROW[1]),
            (0, CAT, 0.6, NOWHERE),
            (0, CAT, 0.5, ROW[2]),
        ],
        (3 * 1 + 2 * 2 / 3 + 3 / 5) / 11,
        0.2 * (1 + 2 / 3 + 3 / 5),
    ),
    "overlap of exactly one half is not enough": (
        # 10 x 10 pixels, 50 of them covered.
        [[(CAT, (0, 0, 9, 9))]],
        [(0, CAT, 0.9, (0, 0, 9, 4))],
        0,
        0,
    ),
    "overlap just above one half": (
        [[(CAT, (0, 0, 9, 9))]],
        [(0, CAT, 0.9, (0, 0, 9, 4.0625))],
        1,
        1,
    ),
    "pixels are counted inclusively": (
        # 5.5 of 10 columns; as continuous boxes it would be 4.5 of 9, exactly one half.
        [[(CAT, (0, 0, 9, 9))]],
        [(0, CAT, 0.9, (0, 0, 4.5, 9))],
        1,
        1,
    ),
}


def voc_match(found, split, thresholds=(0.5,)):
    return match(found, Objects.of_split(split), VOC_RULES, thresholds)


@pytest.mark.parametrize(("images", "rows", "ap_voc07", "ap"), CASES.values(), ids=CASES)
def test_by_hand(build_split, build_detections, images, rows, ap_voc07, ap):
    matches = voc_match(build_detections(rows), build_split(images))
    assert average_precision(matches, eleven_point)[0, CAT] == pytest.approx(ap_voc07, abs=1e-12)
    assert average_precision(matches, all_points)[0, CAT] == pytest.approx(ap, abs=1e-12)


@pytest.mark.parametrize("tenths", range(1, 11))
def test_recall_exactly_at_a_sampling_point(build_split, build_detections, tenths):
    """k of 10 objects found, all detections true: recalls 0 to k/10 take precision 1.

    But for 0.3, 0.6 and 0.7: those points of `numpy.arange(0, 1.1, 0.1)` lie above the tenths.
    """
    boxes = [(50 * i, 0, 50 * i + 19, 19) for i in range(10)]
    split = build_split([[(CAT, box) for box in boxes]])
    matches = voc_match(build_detections([(0, CAT, 0.9, box) for box in boxes[:tenths]]), split)
    ap_voc07 = average_precision(matches, eleven_point)[0, CAT]
    missed = tenths in (3, 6, 7)
    assert ap_voc07 == pytest.approx((tenths + 1 - missed) / 11, abs=1e-12)
    assert average_precision(matches, all_points)[0, CAT] == pytest.approx(tenths / 10, abs=1e-12)


def test_curve_of_a_class(build_split, build_detections):
    """Precision, recall and scores leave out detections of difficult objects."""
    split = build_split([[(CAT, A), (CAT, B, True), (CAT, C)], [(CAT, A)]])
    rows = [
        (0, CAT, 0.5, NOWHERE),
        (0, CAT, 0.9, B),
        (1, CAT, 0.75, A),
        (0, CAT, 0.25, C),
    ]
    matches = voc_match(build_detections(rows), split)
    assert matches.positives[CAT] == 3
    curve = precision_recall(matches, 0, CAT)
    np.testing.assert_array_equal(curve.scores, [0.75, 0.5, 0.25])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.recall, [1 / 3, 1 / 3, 2 / 3])


def test_classes_without_objects_have_no_ap(build_split, build_detections):
    """Dogs are difficult only, cows do not occur: neither may count as AP 0."""
    split = build_split([[(CAT, A), (DOG, B, True)]])
    rows = [(0, CAT, 0.9, A), (0, DOG, 0.9, B), (0, COW, 0.9, C)]
    matches = voc_match(build_detections(rows), split)
    np.testing.assert_array_equal(average_precision(matches, all_points), [[1, np.nan, np.nan]])


def test_several_thresholds(build_split, build_detections):
    split = build_split([[(CAT, (0, 0, 9, 9))]])
    found = build_detections([(0, CAT, 0.9, (0, 0, 9, 6))])  # overlap 0.7
    ap = average_precision(voc_match(found, split, [0.75, 0.5, 0.6]), all_points)
    assert ap[:, CAT].tolist() == [0, 1, 1]


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("seed", range(15))
def test_against_the_devkit_step_by_step(random_case, seed, ties):
    """AP by both averages, and what became of every detection, at three thresholds at once."""
    split, found = random_case(seed, ties=ties)
    thresholds = [0.5, 0.75, 0.3]
    matches = voc_match(found, split, thresholds)
    eleven = average_precision(matches, eleven_point)
    area = average_precision(matches, all_points)
    for t, threshold in enumerate(thresholds):
        verdicts, objects = matches.verdicts(t)
        for label in range(3):
            expected, fates = devkit(split, found, label, threshold)
            for d, fate in fates.items():
                assert (verdicts[d], objects[d]) == fate
            if expected is None:
                assert np.isnan([eleven[t, label], area[t, label]]).all()
            else:
                assert eleven[t, label] == pytest.approx(expected[0], abs=1e-9)
                assert area[t, label] == pytest.approx(expected[1], abs=1e-9)


@pytest.mark.parametrize("objects", [1, 7, 10, 13, 20, 29, 30])
def test_formulas_of_upstream(build_split, build_detections, objects):
    """Also where recalls fall on tenths."""
    rng = np.random.default_rng(objects)
    split = build_split([[(CAT, A)] for _ in range(objects)])
    rows = [
        (i, CAT, rng.random(), A if rng.random() < 0.8 else NOWHERE)
        for i in rng.permutation(objects)
    ]
    matches = voc_match(build_detections(rows), split)
    curve = precision_recall(matches, 0, CAT)
    for average, use_07_metric in ((eleven_point, True), (all_points, False)):
        expected = voc_ap(curve.recall, curve.precision, use_07_metric)
        assert average_precision(matches, average)[0, CAT] == pytest.approx(expected, abs=1e-12)
