"""Evaluation on real photographs with the COCO weights, which were never trained on VOC."""

import json

import cv2
import numpy as np
import pytest
import torch
from loguru import logger

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.evaluate.detections import Detections, to_coco_results
from yolox_ela.evaluate.evaluator import (
    EvalSettings,
    detect_split,
    evaluate,
    score_detections,
)
from yolox_ela.network.model import build_yolox
from yolox_ela.network.runner import Runner

CPU = torch.device("cpu")
SETTINGS = EvalSettings(image_size=416, score_threshold=0.01, nms_iou=0.65)


@pytest.fixture(scope="module")
def split(tiny_voc):
    """48 photographs."""
    return load_split(tiny_voc, ["2007/test"], VOC_CLASSES)


@pytest.fixture(scope="module")
def few(split):
    """Seven of them, so that batches of 2 and 4 do not come out even."""
    return split.subset(range(7))


@pytest.fixture(scope="module")
def network(zero_shot_weights):
    model = build_yolox(len(VOC_CLASSES))
    model.load_state_dict(zero_shot_weights)
    return model.eval()


@pytest.fixture(scope="module")
def found(network, split):
    return detect_split(network, split, SETTINGS, device=CPU, batch_size=8, workers=0)


@pytest.fixture(scope="module")
def found_in_few(network, few):
    return detect(network, few)


@pytest.fixture(scope="module")
def results(found, split):
    return score_detections(found, split, SETTINGS, seconds=12.5)


def detect(network, split, settings=SETTINGS, **options):
    return detect_split(network, split, settings, device=CPU, workers=0, **options)


def assert_same(a, b):
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)
    np.testing.assert_allclose(a.boxes, b.boxes, atol=0.05)


class TestScores:
    def test_ap_of_the_untrained_start(self, results):
        """Measured 0.708, 0.718 and 0.500 on these 48 photographs.

        An independent evaluator found 0.731 and 0.754 for the first two on 1,500 of the kind. RGB
        for BGR, normalised input, a wrong letterbox or boxes off by their scale lose far more than
        the band allows.
        """
        assert 0.66 < results["ap50_voc07"] < 0.76
        assert 0.67 < results["ap50"] < 0.77
        assert 0.45 < results["ap50_95"] < 0.55

    def test_counts(self, results, split, found):
        assert results["images"] == 48
        assert results["objects"] + results["difficult"] == len(split.labels)
        assert results["difficult"] == split.difficult.sum() > 0
        assert results["detections"] == len(found)
        for key, total in (("objects", "objects"), ("difficult", "difficult")):
            assert sum(row[key] for row in results["per_class"].values()) == results[total]
        assert results["per_class"]["person"]["detections"] == (found.labels == 14).sum()
        assert results["seconds"] == 12.5

    def test_means_are_over_classes_with_objects(self, results):
        """tvmonitor does not occur here; as AP 0 it would pull the mean down."""
        assert results["classes_without_objects"] == ["tvmonitor"]
        assert list(results["per_class"]) == [n for n in VOC_CLASSES if n != "tvmonitor"]
        for key in ("ap50_voc07", "ap50", "ap50_95"):
            values = [row[key] for row in results["per_class"].values()]
            assert results[key] == pytest.approx(sum(values) / 19)
            assert all(0 <= value <= 1 for value in values)

    def test_as_json(self, results):
        assert results.keys() == {
            "ap50_voc07",
            "ap50",
            "ap50_95",
            "headline",
            "per_class",
            "classes_without_objects",
            "images",
            "objects",
            "difficult",
            "detections",
            "settings",
            "seconds",
        }
        for row in results["per_class"].values():
            assert row.keys() == {
                "ap50_voc07",
                "ap50",
                "ap50_95",
                "objects",
                "difficult",
                "detections",
            }
        settings = results["settings"]
        assert (settings["image_size"], settings["score_threshold"], settings["nms_iou"]) == (
            416,
            0.01,
            0.65,
        )
        assert json.loads(json.dumps(results, allow_nan=False)) == results

    def test_nothing_detected(self, split):
        results = score_detections(Detections.concatenate([]), split, SETTINGS, seconds=1.0)
        assert results["ap50_voc07"] == results["ap50"] == results["ap50_95"] == 0
        assert results["detections"] == 0
        assert len(results["per_class"]) == 19
        assert json.loads(json.dumps(results, allow_nan=False)) == results

    def test_nothing_to_detect(self, found, split):
        """A split without objects has no AP; that must not be NaN, which JSON does not have."""
        empty = type(split)(
            split.classes,
            split.ids,
            split.paths,
            split.sizes,
            np.zeros_like(split.offsets),
            split.boxes[:0],
            split.labels[:0],
            split.difficult[:0],
        )
        results = score_detections(found, empty, SETTINGS, seconds=1.0)
        assert results["per_class"] == {}
        assert results["classes_without_objects"] == list(VOC_CLASSES)
        assert json.loads(json.dumps(results, allow_nan=False)) == results


class TestDetections:
    def test_boxes_are_inside_their_image(self, found, split):
        sizes = split.sizes[found.images]
        assert (found.boxes >= 0).all()
        assert (found.boxes[:, 2:] <= sizes).all()
        assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
        # Boxes reach the edges of wide and of tall photographs: the scale is that of the letterbox.
        for shape in (sizes[:, 0] > sizes[:, 1], sizes[:, 0] < sizes[:, 1]):
            assert (found.boxes[shape, 2:] == sizes[shape]).any(axis=0).all()

    @pytest.mark.parametrize("image_size", [416, (320, 448)])
    def test_best_box_of_each_photograph_by_hand(self, network, few, found, image_size):
        """BGR 0-255 at the top left of a grey input, into which the photograph just fits."""
        if image_size != 416:
            found = detect(network, few, EvalSettings(image_size, 0.01, 0.65))
        high, wide = image_size if isinstance(image_size, tuple) else (image_size, image_size)
        for image, path in enumerate(few.paths):
            picture = cv2.imread(path)
            scale = min(high / picture.shape[0], wide / picture.shape[1])
            height, width = (int(side * scale) for side in picture.shape[:2])
            boxed = np.full((high, wide, 3), 114, np.uint8)
            boxed[:height, :width] = cv2.resize(picture, (width, height))
            with torch.no_grad():
                (rows,) = network(torch.from_numpy(boxed.transpose(2, 0, 1))[None].float())
            scores = rows[:, 4:5] * rows[:, 5:]
            anchor, label = divmod(int(scores.argmax()), 20)
            center, size = rows[anchor, :2].numpy() / scale, rows[anchor, 2:4].numpy() / scale
            limits = np.array([*few.sizes[image]] * 2)
            box = np.clip([*(center - size / 2), *(center + size / 2)], 0, limits)
            best = np.flatnonzero(found.images == image)[0]
            assert found.labels[best] == label
            assert found.scores[best] == pytest.approx(float(scores.max()), abs=1e-4)
            np.testing.assert_allclose(found.boxes[best], box, atol=0.05)

    def test_types_and_order(self, found):
        assert found.images.dtype == found.labels.dtype == np.int64
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert (np.diff(found.images) >= 0).all()
        for image in range(48):
            assert (np.diff(found.scores[found.images == image]) <= 0).all(), "best score first"

    def test_scores_are_not_rounded(self, found):
        """Upstream rounds to 3 digits, which makes ties and moves AP."""
        assert found.scores.min() >= 0.01
        assert found.scores.max() <= 1
        rounded = found.scores == np.round(found.scores.astype(np.float64), 3).astype(np.float32)
        assert rounded.mean() < 0.01

    def test_batch_size_does_not_matter(self, network, few, found, found_in_few):
        one = detect(network, few, batch_size=1)
        assert_same(one, found_in_few)
        n = len(one)  # the same photographs among others
        assert_same(one, Detections(*(getattr(found, k)[:n] for k in vars(found))))
        assert found.images[n] == 7

    def test_processes_share_the_images(self, network, few, found_in_few):
        parts = [detect(network, few, batch_size=2, rank=rank, world=3) for rank in (2, 0, 1)]
        assert set(parts[0].images) == {2, 5}
        assert_same(Detections.concatenate(parts), found_in_few)

    def test_more_processes_than_images(self, network, few):
        assert len(detect(network, few, rank=9, world=10)) == 0

    def test_worker_processes(self, network, few, found_in_few):
        other = detect_split(network, few, SETTINGS, device=CPU, batch_size=4, workers=1)
        assert_same(other, found_in_few)

    def test_threshold(self, network, few, found_in_few):
        """A higher threshold keeps exactly the better detections: NMS starts from the best."""
        low = found_in_few
        high = detect(network, few, EvalSettings(416, 0.3, 0.65))
        keep = low.scores >= 0.3
        assert 0 < keep.sum() < len(low)
        assert_same(high, Detections(*(getattr(low, k)[keep] for k in vars(low))))

    @pytest.mark.parametrize("training", [True, False])
    def test_mode_is_restored(self, network, few, training):
        network.train(training)
        before = {name: t.clone() for name, t in network.state_dict().items()}
        detect(network, few.subset([0]))
        assert all(m.training == training for m in network.modules())
        network.eval()
        assert all(torch.equal(before[n], t) for n, t in network.state_dict().items())

    def test_mode_is_restored_after_an_error(self, network, few):
        network.train()
        broken = few.subset([0, 1])
        broken.paths[1] = "no/such/image.jpg"
        with pytest.raises(Exception, match="image"):
            detect(network, broken)
        assert network.training
        network.eval()


def test_evaluate(network, few, found_in_few):
    results, found = evaluate(network, few, SETTINGS, device=CPU, batch_size=4, workers=0)
    assert_same(found, found_in_few)
    expected = score_detections(found, few, SETTINGS, results["seconds"])
    assert results == expected
    assert results["seconds"] > 0


class TestCocoResults:
    def test_by_hand(self, build_split, build_detections):
        split = build_split([[], [(0, (0, 0, 9, 9))]], classes=("cat", "dog"))
        rows = [(1, 1, 0.123456, (10.5, 20, 40.25, 80)), (0, 0, 0.9, (0, 0, 5, 7))]
        first, second = to_coco_results(build_detections(rows), split)
        assert first == {
            "image_id": "000001",
            "category_id": 2,
            "category_name": "dog",
            "bbox": [10.5, 20.0, 29.75, 60.0],
            "score": float(np.float32(0.123456)),
        }
        assert (second["image_id"], second["category_id"]) == ("000000", 1)
        assert second["bbox"] == [0, 0, 5, 7]

    def test_all(self, found, split):
        results = json.loads(json.dumps(to_coco_results(found, split)))
        assert len(results) == len(found)
        assert {r["image_id"] for r in results} <= set(split.ids.tolist())
        assert [np.float32(r["score"]) for r in results] == found.scores.tolist()
        corners = np.array([r["bbox"] for r in results])
        corners[:, 2:] += corners[:, :2]
        np.testing.assert_allclose(corners, found.boxes, atol=2e-3)
        for row, label in zip(results, found.labels, strict=True):
            assert row["category_id"] == label + 1
            assert row["category_name"] == VOC_CLASSES[label]


def test_scores_that_are_not_finite_are_told_of(few):
    """An average that has diverged would look like one that finds nothing."""

    def run(images):
        rows = torch.tensor([208.0, 208, 200, 200, 0.9, *[0.5] * 20]).repeat(len(images), 1, 1)
        rows[0, 0, 4] = float("nan")
        return rows

    seen = []
    handler = logger.add(lambda message: seen.append(message.record["message"]), level="WARNING")
    found = detect(Runner(run, VOC_CLASSES, 416), few, batch_size=4)
    logger.remove(handler)
    assert len(found.images) == 5
    assert "scores are not finite in 2 of 7 images" in seen[0]
    assert len(seen) == 1
