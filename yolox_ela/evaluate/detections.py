"""Detections of a whole split as flat arrays, and in COCO's results format."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolox_ela.datasets.split import VocSplit


@dataclass(frozen=True)
class Detections:
    """The detections of a split as flat arrays.

    Attributes:
        images: (D,) int64 position of the image in the split.
        boxes: (D, 4) float32 x1, y1, x2, y2 in original pixels counted from 0.
        scores: (D,) float32 in 0-1.
        labels: (D,) int64 class indices.
    """

    images: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    @staticmethod
    def concatenate(parts: Sequence["Detections"]) -> "Detections":
        """All detections, ordered by image so that the result does not depend on the parts."""
        images = np.concatenate([np.zeros(0, np.int64), *(p.images for p in parts)])
        order = np.argsort(images, kind="stable")
        return Detections(
            images[order],
            np.concatenate([np.zeros((0, 4), np.float32), *(p.boxes for p in parts)])[order],
            np.concatenate([np.zeros(0, np.float32), *(p.scores for p in parts)])[order],
            np.concatenate([np.zeros(0, np.int64), *(p.labels for p in parts)])[order],
        )


def to_coco_results(detections: Detections, split: VocSplit) -> list[dict[str, Any]]:
    """COCO's results format.

    `image_id` and `category_id` are those of the COCO JSON file that the split was read from. For
    data in another format `image_id` is the image's name, and the classes are numbered from 1.
    """
    images: list[int | str] = split.ids.tolist()
    if len(split.numbers):
        images = [
            number if number >= 0 else name
            for number, name in zip(split.numbers.tolist(), images, strict=True)
        ]
    categories = np.arange(1, len(split.classes) + 1)
    if len(split.categories):
        categories = split.categories  # -1 for a class that the file does not have
    boxes = detections.boxes.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return [
        {
            "image_id": images[image],
            "category_id": int(categories[label]),
            "category_name": split.classes[label],
            "bbox": [round(float(value), 3) for value in box],
            "score": float(score),
        }
        for image, label, box, score in zip(
            detections.images, detections.labels, boxes, detections.scores, strict=True
        )
    ]
