"""COCO's rules against pycocotools itself, and cases worked out by hand."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from yolox_ela.evaluate.average_precision import (
    COCO_RECALLS,
    average_precision,
    hundred_one_points,
    max_recall,
)
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict, match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import COCO_IOUS, COCO_RULES, Rules

CAT, DOG, COW = 0, 1, 2
A, B = (10, 10, 50, 50), (100, 10, 140, 50)
NOWHERE = (500, 500, 540, 540)


class PlainCocoEval(COCOeval):
    """pycocotools as it comes; it knows no difficult objects, so `ignore` is set from them."""

    def _prepare(self):
        super()._prepare()
        for rows in self._gts.values():
            for row in rows:
                row["ignore"] = row["difficult"]


def pycocotools_scores(objects, found, images, *, limit=100, area=(0, 1e10)):
    """(AP, recall) of pycocotools at each threshold and class, -1 where there are no objects."""

    def record(number, image, label, box):
        x1, y1, x2, y2 = (float(v) for v in box)
        size = [x2 - x1, y2 - y1]
        return {
            "id": number + 1,
            "image_id": int(image),
            "category_id": int(label),
            "bbox": [x1, y1, *size],
            "area": size[0] * size[1],
        }

    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(images)],
        "categories": [{"id": c} for c in range(objects.classes)],
        "annotations": [
            record(row, objects.images[row], objects.labels[row], objects.boxes[row])
            | {
                "iscrowd": int(objects.crowd[row]),
                "difficult": int(objects.difficult[row] or objects.crowd[row]),
            }
            for row in range(len(objects.labels))
        ],
    }
    results = [
        record(d, found.images[d], found.labels[d], found.boxes[d])
        | {"score": float(found.scores[d])}
        for d in range(len(found))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = PlainCocoEval(truth, truth.loadRes(results), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [area], ["all"]
        evaluation.params.maxDets = [limit]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = (evaluation.eval[key] for key in ("precision", "recall"))
    return precision[..., 0, 0].mean(axis=1), recall[..., 0, 0]


def assert_agrees(objects, found, images, *, limit=100, area=(0.0, 1e10)):
    rules = Rules(**{**vars(COCO_RULES), "max_detections": limit, "area_range": area})
    matches = match(found, objects, rules, COCO_IOUS)
    precision, recall = pycocotools_scores(objects, found, images, limit=limit, area=area)
    present = matches.positives > 0
    np.testing.assert_array_equal((precision >= 0).all(axis=0), present)
    ours = average_precision(matches, hundred_one_points)
    assert np.isnan(ours[:, ~present]).all()
    np.testing.assert_allclose(ours[:, present], precision[:, present], atol=1e-9)
    np.testing.assert_allclose(max_recall(matches)[:, present], recall[:, present], atol=1e-12)
    return ours[:, present]


def by_image(found):
    """pycocotools puts equal scores in the order of the images."""
    return Detections.concatenate([found])


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("difficult", [0.0, 0.3], ids=["no difficult", "difficult"])
@pytest.mark.parametrize("seed", range(6))
def test_pycocotools(random_case, seed, difficult, ties):
    split, found = random_case(seed, difficult=difficult, ties=ties)
    ours = assert_agrees(Objects.of_split(split), by_image(found), len(split))
    assert 0 < ours.mean() < 1


@pytest.mark.parametrize("seed", range(6))
def test_pycocotools_with_crowds(random_case, with_crowds, seed):
    split, found = random_case(seed, difficult=0.4)
    objects = with_crowds(split, seed)
    assert objects.crowd.any()
    assert_agrees(objects, by_image(found), len(split))


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pycocotools_with_fewer_detections(random_case, limit):
    for seed in range(4):
        split, found = random_case(seed, ties=True)
        assert_agrees(Objects.of_split(split), by_image(found), len(split), limit=limit)


@pytest.mark.parametrize("area", [(0.0, 400.0), (400.0, 900.0), (900.0, 1e10)])
def test_pycocotools_by_area(random_case, with_crowds, area):
    for seed in range(4):
        split, found = random_case(seed, difficult=0.3)
        assert_agrees(with_crowds(split, seed), by_image(found), len(split), area=area)


@pytest.mark.parametrize("images", [1, 3])
def test_pycocotools_in_a_throng(images):
    """Dozens of detections compete for objects that overlap each other, beyond 100 an image."""
    rng = np.random.default_rng(images)
    n, m = 170 * images, 12 * images
    corners, sizes = rng.integers(0, 12, (m, 2)), rng.integers(25, 40, (m, 2))
    objects = Objects(
        images=np.arange(m) % images,
        boxes=np.concatenate([corners, corners + sizes], axis=1).astype(np.float32),
        labels=np.zeros(m, np.int64),
        difficult=rng.random(m) < 0.2,
        crowd=np.zeros(m, bool),
        classes=1,
    )
    jitter = rng.integers(-12, 13, (n, 4)) / 4
    found = Detections(
        images=np.arange(n) % images,
        boxes=(objects.boxes[np.arange(n) % m] + jitter).astype(np.float32),
        scores=rng.random(n).astype(np.float32),
        labels=np.zeros(n, np.int64),
    )
    assert_agrees(objects, by_image(found), images)


def ap(found, split):
    """Mean over the ten thresholds, by class."""
    matches = match(found, Objects.of_split(split), COCO_RULES, COCO_IOUS)
    return average_precision(matches, hundred_one_points).mean(axis=0)


def test_more_than_100_detections_of_a_class(build_split, build_detections):
    """The hit comes at rank 101 of its image and class, so it does not count."""
    split = build_split([[(CAT, A)]])
    rows = [(0, CAT, 0.9, NOWHERE)] * 100 + [(0, CAT, 0.8, A)]
    assert ap(build_detections(rows), split)[CAT] == 0
    assert ap(build_detections(rows[1:]), split)[CAT] == pytest.approx(0.01)
    other = build_detections([*rows[:50], (0, DOG, 0.9, A), *rows[51:]])
    assert ap(other, split)[CAT] == pytest.approx(0.01), "another class does not use up the 100"


# name: objects, detections (image, label, score, box), AP of cats.
CASES = {
    "perfect": ([[(CAT, A), (CAT, B)]], [(0, CAT, 0.9, A), (0, CAT, 0.8, B)], 1),
    "all wrong": ([[(CAT, A)]], [(0, CAT, 0.9, NOWHERE)], 0),
    "nothing detected": ([[(CAT, A)]], [], 0),
    "difficult missed": ([[(CAT, A), (CAT, B, True)]], [(0, CAT, 0.9, A)], 1),
    "difficult found": (
        [[(CAT, A), (CAT, B, True)]],
        [(0, CAT, 0.9, B), (0, CAT, 0.8, A)],
        1,
    ),
    "difficult found twice, once is false": (
        [[(CAT, A), (CAT, B, True)]],
        [(0, CAT, 0.9, B), (0, CAT, 0.8, B), (0, CAT, 0.7, A)],
        0.5,
    ),
    "an object that counts comes before a difficult one": (
        # The same box twice; VOC gives it to the first, here the difficult one.
        [[(CAT, A, True), (CAT, A)]],
        [(0, CAT, 0.9, A)],
        1,
    ),
    "one of two objects missed": (
        # Recall 1/2 at precision 1: of the 101 sampling points 0 to 0.5, which are 51.
        [[(CAT, A), (CAT, B)]],
        [(0, CAT, 0.9, A)],
        51 / 101,
    ),
    "the best object is taken, the next one is free": (
        # Two objects overlap by 0.6 and so both detections of the first find one, up to IoU 0.6.
        [[(CAT, (0, 0, 40, 40)), (CAT, (10, 0, 50, 40))]],
        [(0, CAT, 0.9, (0, 0, 40, 40)), (0, CAT, 0.8, (0, 0, 40, 40))],
        (3 * 1 + 7 * 51 / 101) / 10,
    ),
    "of two objects overlapped alike the last is taken": (
        # Up to IoU 2/3, which is 4 thresholds. Then the second detection, on the first object,
        # finds it free. Beyond, the first detection is false, and the second is at precision 1/2.
        [[(CAT, (0, 0, 40, 40)), (CAT, (16, 0, 56, 40))]],
        [(0, CAT, 0.9, (8, 0, 48, 40)), (0, CAT, 0.8, (0, 0, 40, 40))],
        (4 * 1 + 6 * 51 / 101 / 2) / 10,
    ),
    "overlap of 0.725 holds at 5 of 10 thresholds": (
        # 40 x 29 of 40 x 40, continuous: 0.50, 0.55, 0.60, 0.65 and 0.70.
        [[(CAT, A)]],
        [(0, CAT, 0.9, (10, 10, 50, 39))],
        0.5,
    ),
    "overlap of exactly one half is enough": (
        [[(CAT, (0, 0, 10, 10))]],
        [(0, CAT, 0.9, (0, 0, 10, 5))],
        0.1,
    ),
    "false alarm above the hit": (
        [[(CAT, A)]],
        [(0, CAT, 0.9, NOWHERE), (0, CAT, 0.8, A)],
        0.5,
    ),
}


@pytest.mark.parametrize(("images", "rows", "expected"), CASES.values(), ids=CASES)
def test_by_hand(build_split, build_detections, images, rows, expected):
    result = ap(build_detections(rows), build_split(images))
    assert result[CAT] == pytest.approx(expected, abs=1e-9)


def test_sampling_points_are_those_of_pycocotools():
    """To the last bit: 0.35 among its recalls is a little more than 35 / 100."""
    params = Params("bbox")
    np.testing.assert_array_equal(COCO_IOUS, params.iouThrs)
    np.testing.assert_array_equal(COCO_RECALLS, params.recThrs)
    assert COCO_RULES.max_detections == max(params.maxDets)


@pytest.mark.parametrize(("error", "verdict"), [(1e-9, Verdict.TRUE), (1e-7, Verdict.FALSE)])
def test_an_overlap_of_one_but_for_rounding(build_split, error, verdict):
    found = Detections(
        images=np.array([0]),
        boxes=np.array([(10, 10, 50 + error, 50)]),
        scores=np.array([0.5]),
        labels=np.array([CAT]),
    )
    matches = match(found, Objects.of_split(build_split([[(CAT, A)]])), COCO_RULES, [1.0])
    assert matches.verdicts(0)[0] == [verdict]


def test_a_crowd_takes_any_number(build_detections):
    """The second detection covers a tenth of the crowd: overlap counts its own area only."""
    objects = Objects(
        images=np.array([0, 0]),
        boxes=np.array([(0, 0, 100, 100), (200, 0, 240, 40)], np.float32),
        labels=np.array([CAT, CAT]),
        difficult=np.array([False, False]),
        crowd=np.array([True, False]),
        classes=1,
    )
    rows = [
        (0, CAT, 0.9, (0, 0, 100, 100)),
        (0, CAT, 0.8, (50, 50, 100, 70)),
        (0, CAT, 0.7, (90, 0, 110, 20)),  # half inside
        (0, CAT, 0.6, (95, 0, 115, 20)),  # a quarter inside
        (0, CAT, 0.5, (200, 0, 240, 40)),
    ]
    matches = match(build_detections(rows), objects, COCO_RULES, [0.5])
    verdicts, found = matches.verdicts(0)
    ignored, false, true = Verdict.IGNORED, Verdict.FALSE, Verdict.TRUE
    assert verdicts.tolist() == [ignored, ignored, ignored, false, true]
    assert found.tolist() == [0, 0, 0, -1, 1]
    assert matches.positives.tolist() == [1]
