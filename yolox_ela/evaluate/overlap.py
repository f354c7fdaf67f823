"""The overlaps of detections with objects of their image and class."""

from dataclasses import dataclass

import numpy as np

from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import Rules


@dataclass(frozen=True)
class Pairs:
    """Pairs of a detection and an object of its image and class, sorted by detection.

    Attributes:
        detections: (P,) int64 rows of the detections.
        objects: (P,) int64 rows of the objects; those of one detection in the order annotated.
        overlaps: (P,) float64 IoU; for a crowd the share of the detection inside it.
    """

    detections: np.ndarray
    objects: np.ndarray
    overlaps: np.ndarray

    def select(self, keep: np.ndarray) -> "Pairs":
        """The pairs selected by a mask or by indices."""
        return Pairs(self.detections[keep], self.objects[keep], self.overlaps[keep])


def overlapping_pairs(
    boxes: np.ndarray, groups: np.ndarray, objects: Objects, object_groups: np.ndarray, rules: Rules
) -> Pairs:
    """All pairs within a group that have pixels in common.

    Args:
        boxes: (D, 4) boxes of the detections.
        groups: (D,) int64 number that identifies each detection's image and class.
        objects: the M objects.
        object_groups: (M,) int64 the same number for each object.
        rules: the rules, which define the pixels of a box.
    """
    number_of_groups = 1 + max(groups.max(initial=-1), object_groups.max(initial=-1))
    counts = np.bincount(object_groups, minlength=number_of_groups)
    firsts = np.cumsum(counts) - counts
    by_group = np.argsort(object_groups, kind="stable")

    repeats = counts[groups]
    detections = np.repeat(np.arange(len(groups)), repeats)
    # The k-th pair of a detection belongs to the k-th object of its group.
    ends = np.cumsum(repeats)
    k = np.arange(len(detections)) - np.repeat(ends - repeats, repeats)
    rows = by_group[firsts[groups[detections]] + k]

    extra = 1.0 if rules.inclusive_pixels else 0.0
    ours, theirs = _columns(boxes), _columns(objects.boxes)

    def side(low: int, high: int) -> np.ndarray:
        start = np.maximum(ours[low][detections], theirs[low][rows])
        end = np.minimum(ours[high][detections], theirs[high][rows])
        return end - start + extra

    width, height = side(0, 2), side(1, 3)
    common = np.flatnonzero((width > 0) & (height > 0))
    detections, rows = detections[common], rows[common]
    intersection = width[common] * height[common]
    area = box_areas(boxes[detections], rules)
    union = area + box_areas(objects.boxes[rows], rules) - intersection
    union = np.where(objects.crowd[rows], area, union)
    return Pairs(detections, rows, intersection / union)


def box_areas(boxes: np.ndarray, rules: Rules) -> np.ndarray:
    """Area of (N, 4) boxes, (N,) float64 in square pixels."""
    x1, y1, x2, y2 = _columns(boxes)
    extra = 1.0 if rules.inclusive_pixels else 0.0
    return (x2 - x1 + extra) * (y2 - y1 + extra)


def _columns(boxes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(boxes.T, dtype=np.float64)
