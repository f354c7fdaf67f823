"""COCO's AP50:95 against pycocotools itself, and what `difficult` does to it."""

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolox_ela.evaluate.coco_ap import coco_average_precision

CAT, DOG, COW = 0, 1, 2
A, B = (10, 10, 50, 50), (100, 10, 140, 50)
NOWHERE = (500, 500, 540, 540)


def plain_pycocotools(split, found):
    """AP50:95 of each class by name, with pycocotools as it comes.

    A difficult object gets an area beyond pycocotools' largest range, which makes it an ignored
    object without further rules.
    """
    objects, number = [], 0
    for image in range(len(split)):
        for row in range(split.offsets[image], split.offsets[image + 1]):
            number += 1
            x1, y1, x2, y2 = (float(v) for v in split.boxes[row])
            objects.append(
                {
                    "id": number,
                    "image_id": image + 1,
                    "category_id": int(split.labels[row]) + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": 1e11 if split.difficult[row] else (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i + 1} for i in range(len(split))],
        "categories": [{"id": c + 1, "name": n} for c, n in enumerate(split.classes)],
        "annotations": objects,
    }
    truth.createIndex()
    results = []
    for d in range(len(found)):
        x1, y1, x2, y2 = (float(v) for v in found.boxes[d])
        results.append(
            {
                "image_id": int(found.images[d]) + 1,
                "category_id": int(found.labels[d]) + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "score": float(found.scores[d]),
            }
        )
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 2]  # all areas, 100 detections
    return {
        name: precision[:, :, c].mean()
        for c, name in enumerate(split.classes)
        if precision[:, :, c].max() > -1
    }


def random_case(seed, difficult, build_split, build_detections):
    rng = np.random.default_rng(seed)
    images, rows = [], []
    for image in range(25):
        objects = []
        for _ in range(rng.integers(0, 5)):
            corner, size = rng.integers(0, 200, 2), rng.integers(10, 90, 2)
            hard = rng.random() < difficult
            objects.append((int(rng.integers(3)), (*corner, *(corner + size)), hard))
        images.append(objects)
        for label, box, _ in objects:
            for _ in range(rng.integers(0, 3)):
                moved = np.sort((np.array(box) + rng.normal(0, 4, 4)).reshape(2, 2), 0)
                rows.append((image, label, rng.random(), moved.ravel()))
        corner, size = rng.integers(0, 200, 2), rng.integers(10, 90, 2)
        rows.append((image, int(rng.integers(3)), rng.random(), (*corner, *(corner + size))))
    return build_split(images), build_detections(rows)


@pytest.mark.parametrize("difficult", [0.0, 0.3], ids=["no difficult", "difficult"])
@pytest.mark.parametrize("seed", range(4))
def test_plain_pycocotools(build_split, build_detections, seed, difficult):
    split, found = random_case(seed, difficult, build_split, build_detections)
    expected = plain_pycocotools(split, found)
    assert set(expected) == {"cat", "dog", "cow"}
    assert 0 < min(expected.values()) <= max(expected.values()) < 1
    assert coco_average_precision(found, split) == pytest.approx(expected, abs=1e-6)


def test_more_than_100_detections_of_a_class(build_split, build_detections):
    """The hit comes at rank 101 of its image and class, so it does not count."""
    split = build_split([[(CAT, A)]])
    rows = [(0, CAT, 0.9, NOWHERE)] * 100 + [(0, CAT, 0.8, A)]
    assert coco_average_precision(build_detections(rows), split) == {"cat": 0}
    assert coco_average_precision(build_detections(rows[1:]), split)["cat"] == pytest.approx(0.01)


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
    "the same, not difficult, is half missed": (
        # Recall 1/2 at precision 1: of the 101 sampling points 0 to 0.5, which are 51.
        [[(CAT, A), (CAT, B)]],
        [(0, CAT, 0.9, A)],
        51 / 101,
    ),
    "overlap of 0.725 holds at 5 of 10 thresholds": (
        # 40 x 29 of 40 x 40, continuous: 0.50, 0.55, 0.60, 0.65 and 0.70.
        [[(CAT, A)]],
        [(0, CAT, 0.9, (10, 10, 50, 39))],
        0.5,
    ),
    "false alarm above the hit": (
        [[(CAT, A)]],
        [(0, CAT, 0.9, NOWHERE), (0, CAT, 0.8, A)],
        0.5,
    ),
}


@pytest.mark.parametrize(("images", "rows", "ap"), CASES.values(), ids=CASES)
def test_by_hand(build_split, build_detections, images, rows, ap):
    result = coco_average_precision(build_detections(rows), build_split(images))
    assert result == pytest.approx({"cat": ap}, abs=1e-9)


def test_classes_without_objects_are_left_out(build_split, build_detections):
    split = build_split([[(CAT, A), (DOG, B, True)]])
    rows = [(0, CAT, 0.9, A), (0, DOG, 0.9, B), (0, COW, 0.9, B)]
    assert list(coco_average_precision(build_detections(rows), split)) == ["cat"]


def test_prints_nothing(build_split, build_detections, capsys):
    coco_average_precision(build_detections([(0, CAT, 0.9, A)]), build_split([[(CAT, A)]]))
    assert capsys.readouterr().out == ""
