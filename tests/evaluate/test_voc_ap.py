"""VOC's average precision: cases worked out by hand, and a slow evaluator written anew."""

from fractions import Fraction

import numpy as np
import pytest
from yolox.evaluators.voc_eval import voc_ap

from yolox_ela.evaluate.voc_ap import voc_average_precision

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
        # 0.2, 0.2, 0.4, 0.4, 0.6. Recalls 0, 0.1, 0.2 take 1; 0.3, 0.4 take 2/3; 0.5, 0.6 take
        # 3/5; the rest 0.
        [[(CAT, box) for box in ROW]],
        [
            (0, CAT, 0.9, ROW[0]),
            (0, CAT, 0.8, NOWHERE),
            (0, CAT, 0.7, ROW[1]),
            (0, CAT, 0.6, NOWHERE),
            (0, CAT, 0.5, ROW[2]),
        ],
        (3 * 1 + 2 * 2 / 3 + 2 * 3 / 5) / 11,
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


@pytest.mark.parametrize(("images", "rows", "ap_voc07", "ap"), CASES.values(), ids=CASES)
def test_by_hand(build_split, build_detections, images, rows, ap_voc07, ap):
    result = voc_average_precision(build_detections(rows), build_split(images))
    assert result["cat"].ap_voc07 == pytest.approx(ap_voc07, abs=1e-12)
    assert result["cat"].ap == pytest.approx(ap, abs=1e-12)


@pytest.mark.parametrize("tenths", range(1, 11))
def test_recall_exactly_at_a_sampling_point(build_split, build_detections, tenths):
    """k of 10 objects found, all detections true: recalls 0 to k/10 take precision 1."""
    boxes = [(50 * i, 0, 50 * i + 19, 19) for i in range(10)]
    split = build_split([[(CAT, box) for box in boxes]])
    found = build_detections([(0, CAT, 0.9, box) for box in boxes[:tenths]])
    result = voc_average_precision(found, split)["cat"]
    assert result.ap_voc07 == pytest.approx((tenths + 1) / 11, abs=1e-12)
    assert result.ap == pytest.approx(tenths / 10, abs=1e-12)


def test_curve_of_a_class(build_split, build_detections):
    """Precision, recall and scores leave out detections of difficult objects."""
    split = build_split([[(CAT, A), (CAT, B, True), (CAT, C)], [(CAT, A)]])
    rows = [
        (0, CAT, 0.5, NOWHERE),
        (0, CAT, 0.9, B),
        (1, CAT, 0.75, A),
        (0, CAT, 0.25, C),
    ]
    result = voc_average_precision(build_detections(rows), split)["cat"]
    assert result.positives == 3
    np.testing.assert_array_equal(result.scores, [0.75, 0.5, 0.25])
    np.testing.assert_allclose(result.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(result.recall, [1 / 3, 1 / 3, 2 / 3])


def test_classes_without_objects_are_left_out(build_split, build_detections):
    """Dogs are difficult only, cows do not occur: neither may count as AP 0."""
    split = build_split([[(CAT, A), (DOG, B, True)]])
    rows = [(0, CAT, 0.9, A), (0, DOG, 0.9, B), (0, COW, 0.9, C)]
    assert list(voc_average_precision(build_detections(rows), split)) == ["cat"]


def test_other_threshold(build_split, build_detections):
    split = build_split([[(CAT, (0, 0, 9, 9))]])
    found = build_detections([(0, CAT, 0.9, (0, 0, 9, 6))])  # overlap 0.7
    assert voc_average_precision(found, split, iou_threshold=0.6)["cat"].ap == 1
    assert voc_average_precision(found, split, iou_threshold=0.75)["cat"].ap == 0


# The devkit's evaluation, one detection and one object at a time, in exact numbers. As in the
# paper of the challenge (and the Python ports) an overlap must exceed the threshold.


def devkit_ap(split, detections, label, threshold=0.5):
    """(11-point AP, AP) of a class, or None if no object of it counts."""
    objects = []  # of each image: [box, difficult, detected]
    positives = 0
    for image in range(len(split)):
        here = []
        for row in range(split.offsets[image], split.offsets[image + 1]):
            if split.labels[row] == label:
                here.append([split.boxes[row].tolist(), bool(split.difficult[row]), False])
                positives += not split.difficult[row]
        objects.append(here)
    if positives == 0:
        return None

    mine = [d for d in range(len(detections)) if detections.labels[d] == label]
    mine.sort(key=lambda d: -float(detections.scores[d]))  # Python's sort is stable
    points = []
    hits = false = 0
    for d in mine:
        best, best_overlap = None, -1.0
        for item in objects[detections.images[d]]:
            overlap = inclusive_iou(detections.boxes[d].tolist(), item[0])
            if overlap > best_overlap:
                best, best_overlap = item, overlap
        if best is not None and best_overlap > threshold:
            if best[1]:
                continue
            hits, false = (hits, false + 1) if best[2] else (hits + 1, false)
            best[2] = True
        else:
            false += 1
        points.append((Fraction(hits, positives), Fraction(hits, hits + false)))

    eleven = sum(
        max((p for r, p in points if r >= Fraction(tenth, 10)), default=Fraction(0))
        for tenth in range(11)
    )
    area, last = Fraction(0), Fraction(0)
    for i, (recall, _) in enumerate(points):
        area += (recall - last) * max(p for _, p in points[i:])
        last = recall
    return float(eleven / 11), float(area)


def inclusive_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + 1) * (a[3] - a[1] + 1)
    area_b = (b[2] - b[0] + 1) * (b[3] - b[1] + 1)
    return width * height / (area_a + area_b - width * height)


def random_case(seed, build_split, build_detections, ties=False):
    """Crowded images, jittered and repeated detections, some difficult objects."""
    rng = np.random.default_rng(seed)
    images, rows = [], []
    for image in range(rng.integers(1, 30)):
        objects = []
        for _ in range(rng.integers(0, 6)):
            corner, size = rng.integers(0, 60, 2), rng.integers(5, 50, 2)
            objects.append((int(rng.integers(3)), (*corner, *(corner + size)), rng.random() < 0.2))
        images.append(objects)
        for label, box, _ in objects:
            for _ in range(rng.integers(0, 4)):
                # Quarters of pixels are exact in float32.
                moved = np.sort((np.array(box) + rng.integers(-20, 21, 4) / 4).reshape(2, 2), 0)
                other = int(rng.integers(3)) if rng.random() < 0.1 else label
                rows.append((image, other, rng.random(), moved.ravel()))
        for _ in range(rng.integers(0, 3)):
            corner, size = rng.integers(0, 60, 2), rng.integers(5, 50, 2)
            rows.append((image, int(rng.integers(3)), rng.random(), (*corner, *(corner + size))))
    order = rng.permutation(len(rows))
    rows = [(i, c, round(s, 1) if ties else s, box) for i, c, s, box in (rows[k] for k in order)]
    return build_split(images), build_detections(rows)


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("seed", range(25))
def test_against_the_devkit_step_by_step(build_split, build_detections, seed, ties):
    split, found = random_case(seed, build_split, build_detections, ties)
    result = voc_average_precision(found, split)
    for label, name in enumerate(split.classes):
        expected = devkit_ap(split, found, label)
        assert (expected is None) == (name not in result)
        if expected is not None:
            assert result[name].ap_voc07 == pytest.approx(expected[0], abs=1e-9)
            assert result[name].ap == pytest.approx(expected[1], abs=1e-9)


@pytest.mark.parametrize("objects", [1, 7, 13, 29])
def test_formulas_of_upstream(build_split, build_detections, objects):
    """Numbers of objects whose recalls do not fall on tenths, where upstream's
    `np.arange(0, 1.1, 0.1)` is off by a rounding error."""
    rng = np.random.default_rng(objects)
    split = build_split([[(CAT, A)] for _ in range(objects)])
    rows = [
        (i, CAT, rng.random(), A if rng.random() < 0.8 else NOWHERE)
        for i in rng.permutation(objects)
    ]
    result = voc_average_precision(build_detections(rows), split)["cat"]
    curve = (result.recall, result.precision)
    assert result.ap_voc07 == pytest.approx(voc_ap(*curve, use_07_metric=True), abs=1e-12)
    assert result.ap == pytest.approx(voc_ap(*curve, use_07_metric=False), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_perfect_detections(build_split, build_detections, seed):
    """Objects apart from each other, each found once: 1, whatever the difficult ones get."""
    rng = np.random.default_rng(seed)
    images = [
        [(int(rng.integers(3)), box, i > 0 and rng.random() < 0.3) for i, box in enumerate(ROW)]
        for _ in range(20)
    ]
    rows = [
        (image, label, rng.random(), box)
        for image, objects in enumerate(images)
        for label, box, _ in objects
    ]
    for result in voc_average_precision(build_detections(rows), build_split(images)).values():
        assert result.ap_voc07 == pytest.approx(1, abs=1e-12)
        assert result.ap == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_order_of_images_does_not_matter(build_split, build_detections, seed):
    split, found = random_case(seed, build_split, build_detections)
    order = np.random.default_rng(seed).permutation(len(split))
    position = np.argsort(order)
    rows = [
        (position[found.images[d]], found.labels[d], found.scores[d], found.boxes[d])
        for d in range(len(found))
    ]
    before = voc_average_precision(found, split)
    after = voc_average_precision(build_detections(rows), split.subset(order.tolist()))
    assert {n: (r.ap_voc07, r.ap) for n, r in before.items()} == {
        n: (r.ap_voc07, r.ap) for n, r in after.items()
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_false_alarm_never_helps(build_split, build_detections, seed):
    split, found = random_case(seed, build_split, build_detections)
    rows = list(zip(found.images, found.labels, found.scores, found.boxes, strict=True))
    before = voc_average_precision(found, split)
    for score in (1e-6, 0.5, 1.0):
        worse = [*rows, *((0, label, score, NOWHERE) for label in range(3))]
        after = voc_average_precision(build_detections(worse), split)
        for name, result in after.items():
            assert result.ap <= before[name].ap + 1e-12
            assert result.ap_voc07 <= before[name].ap_voc07 + 1e-12
