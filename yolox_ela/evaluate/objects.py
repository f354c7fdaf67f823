"""The annotated objects of a set as flat arrays."""

from dataclasses import dataclass

import numpy as np

from yolox_ela.datasets.split import VocSplit


@dataclass(frozen=True)
class Objects:
    """Annotated boxes of a whole set.

    Attributes:
        images: (M,) int64 position of the image in the set, in any order.
        boxes: (M, 4) x1, y1, x2, y2 in pixels counted from 0.
        labels: (M,) int64 class indices, below `classes`.
        difficult: (M,) bool; missing a difficult object does not lower recall.
        crowd: (M,) bool; a region of many objects (COCO), which is treated as difficult. The
            overlap of a detection with it is the share of the detection inside the region.
        classes: number of classes.
    """

    images: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray
    classes: int

    @classmethod
    def of_split(cls, split: VocSplit) -> "Objects":
        """The objects of a set."""
        return cls(
            images=np.repeat(np.arange(len(split)), np.diff(split.offsets)),
            boxes=split.boxes,
            labels=split.labels,
            difficult=split.difficult,
            crowd=split.crowd,
            classes=len(split.classes),
        )
