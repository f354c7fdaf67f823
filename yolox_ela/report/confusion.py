"""Which class is taken for which.

Detections that reach a score threshold are matched with objects of any class: within an image,
the best score first, each detection takes the object that it overlaps most of those still free, if
their IoU exceeds a threshold (pixels counted as VOC does). A pair counts in the row of the object's
class and the column of the detection's. A detection without an object counts in the row
"background", an object without a detection in the column "background". A difficult object is never
used up and belongs to no row: detections of it, of whatever class, are left out, and missing it is
no miss.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict, match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import VOC_IOU, VOC_RULES

# VOC would call a detection of a taken object false; here it may have the next one.
CONFUSION_RULES = replace(VOC_RULES, best_object_only=False)


@dataclass(frozen=True)
class Confusion:
    """Counts of pairs of a true and a predicted class.

    Attributes:
        counts: (C + 1, C + 1) int64; rows are true classes, columns predicted ones, the last of
            each is the background. A class's row sums to its objects that are not difficult, its
            column to its detections less those of difficult objects.
        threshold: the score that detections reach.
        iou: the overlap that pairs exceed.
        ignored: number of detections that were left out, of difficult objects.
    """

    counts: np.ndarray
    threshold: float
    iou: float
    ignored: int

    @property
    def shares(self) -> np.ndarray:
        """(C + 1, C + 1) counts over the sum of their row; NaN in rows of nothing."""
        sums = self.counts.sum(axis=1, keepdims=True)
        nothing = np.full(self.counts.shape, np.nan)
        return np.divide(self.counts, sums, out=nothing, where=sums > 0)

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """As plain values."""
        return {
            "classes": [*classes, "background"],
            "counts": self.counts.tolist(),
            "threshold": self.threshold,
            "iou": self.iou,
            "ignored": self.ignored,
        }


def confusion_matrix(
    detections: Detections, split: VocSplit, threshold: float, iou: float = VOC_IOU
) -> Confusion:
    """Match detections with objects of any class and count; see the module.

    Args:
        detections: of the split, in any order.
        split: images and objects.
        threshold: keep detections whose score is at least this.
        iou: the overlap that a pair must exceed, over 0 and at most 1.
    """
    background = len(split.classes)
    kept = np.flatnonzero(detections.scores >= threshold)
    labels = detections.labels[kept]
    of_one_class = Detections(
        detections.images[kept],
        detections.boxes[kept],
        detections.scores[kept],
        np.zeros_like(labels),
    )
    objects = Objects.of_split(split)
    objects = replace(objects, labels=np.zeros_like(objects.labels), classes=1)
    verdicts, found = match(of_one_class, objects, CONFUSION_RULES, [iou]).verdicts(0)

    counts = np.zeros((background + 1, background + 1), dtype=np.int64)
    true, false = verdicts == Verdict.TRUE, verdicts == Verdict.FALSE
    np.add.at(counts, (split.labels[found[true]], labels[true]), 1)
    np.add.at(counts, (background, labels[false]), 1)
    missed = ~split.difficult
    missed[found[true]] = False
    np.add.at(counts, (split.labels[missed], background), 1)
    return Confusion(counts, threshold, iou, int((verdicts == Verdict.IGNORED).sum()))
