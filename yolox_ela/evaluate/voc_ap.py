"""Average precision by the rules of the Pascal VOC devkit.

A detection belongs to the object of its class that it overlaps most. It is true if that overlap
exceeds the threshold (the devkit's MATLAB also accepts equality) and no better-scored detection
took the object before; it does not count at all if the object is difficult. Overlap counts pixels
inclusively: a box from 3 to 5 is 3 wide.
"""

from dataclasses import dataclass

import numpy as np

from yolox_ela.data.voc import VocSplit
from yolox_ela.evaluate.detections import Detections

VOC_IOU = 0.5


@dataclass(frozen=True)
class ClassAp:
    """Average precision of one class.

    Attributes:
        ap_voc07: mean of the best precision at 11 recalls (VOC2007's devkit).
        ap: area under the curve of best precisions (VOC2010 and later).
        positives: objects that are not difficult.
        precision: (D,) after each detection that counts, best score first.
        recall: (D,) likewise.
        scores: (D,) scores of those detections.
    """

    ap_voc07: float
    ap: float
    positives: int
    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray


def voc_average_precision(
    detections: Detections, split: VocSplit, iou_threshold: float = VOC_IOU
) -> dict[str, ClassAp]:
    """AP of every class that has an object which is not difficult; the others are left out.

    Detections of equal score count in their given order.
    """
    object_images = np.repeat(np.arange(len(split)), np.diff(split.offsets))
    result = {}
    for label, name in enumerate(split.classes):
        objects = split.labels == label
        positives = int((objects & ~split.difficult).sum())
        if positives == 0:
            continue
        mine = np.flatnonzero(detections.labels == label)
        mine = mine[np.argsort(-detections.scores[mine], kind="stable")]
        true, counts = match_class(
            detections.boxes[mine],
            detections.images[mine],
            split.boxes[objects],
            object_images[objects],
            split.difficult[objects],
            iou_threshold,
        )
        hits = np.cumsum(true[counts])
        recall = hits / positives
        precision = hits / np.arange(1, len(hits) + 1)
        result[name] = ClassAp(
            ap_voc07=eleven_point_ap(precision, recall),
            ap=all_point_ap(precision, recall),
            positives=positives,
            precision=precision,
            recall=recall,
            scores=detections.scores[mine][counts],
        )
    return result


def match_class(
    boxes: np.ndarray,
    images: np.ndarray,
    object_boxes: np.ndarray,
    object_images: np.ndarray,
    difficult: np.ndarray,
    iou_threshold: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Which detections of one class are true, and which count.

    Args:
        boxes: (D, 4) detections, best score first.
        images: (D,) their images.
        object_boxes: (M, 4) objects of the class, sorted by image.
        object_images: (M,) their images.
        difficult: (M,) bool.
        iou_threshold: an overlap must exceed it.

    Returns:
        (D,) bool true positives, and (D,) bool detections that count as true or false.
    """
    best_iou = np.full(len(boxes), -np.inf)
    best = np.zeros(len(boxes), dtype=np.int64)
    first = np.searchsorted(object_images, images, side="left")
    last = np.searchsorted(object_images, images, side="right")
    # The k-th object of each detection's image, for all detections at once.
    for k in range(int((last - first).max(initial=0))):
        rows = np.flatnonzero(first + k < last)
        candidates = first[rows] + k
        iou = pixel_iou(boxes[rows], object_boxes[candidates])
        better = iou > best_iou[rows]
        best_iou[rows[better]] = iou[better]
        best[rows[better]] = candidates[better]

    overlapping = np.flatnonzero(best_iou > iou_threshold)
    true = np.zeros(len(boxes), dtype=bool)
    _, first_claim = np.unique(best[overlapping], return_index=True)
    true[overlapping[first_claim]] = True
    counts = np.ones(len(boxes), dtype=bool)
    counts[overlapping] = ~difficult[best[overlapping]]
    return true & counts, counts


def pixel_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Overlap of (N, 4) boxes with (N, 4) boxes, row by row, counting pixels inclusively."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    low = np.maximum(a[:, :2], b[:, :2])
    high = np.minimum(a[:, 2:], b[:, 2:])
    intersection = np.clip(high - low + 1, 0, None).prod(axis=1)
    area_a = (a[:, 2:] - a[:, :2] + 1).prod(axis=1)
    area_b = (b[:, 2:] - b[:, :2] + 1).prod(axis=1)
    return intersection / (area_a + area_b - intersection)


def eleven_point_ap(precision: np.ndarray, recall: np.ndarray) -> float:
    """Mean over recalls 0, 0.1, ..., 1 of the best precision at that recall or beyond."""
    best = np.maximum.accumulate(precision[::-1])[::-1]
    # Exact tenths; 0.1 * 3 would be a little more than 0.3 and miss a recall of exactly that.
    positions = np.searchsorted(recall, np.arange(11) / 10, side="left")
    return float(sum(best[p] for p in positions if p < len(best)) / 11)


def all_point_ap(precision: np.ndarray, recall: np.ndarray) -> float:
    """Area under the curve that gives each recall the best precision there or beyond."""
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * best).sum())
