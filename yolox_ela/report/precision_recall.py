"""Precision over recall of each class and of their mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from yolox_ela.evaluate.average_precision import COCO_RECALLS, mean_over_classes
from yolox_ela.evaluate.scores import SplitScores
from yolox_ela.report.plain import plain_list


@dataclass(frozen=True)
class PrecisionRecall:
    """The curves below which AP50 is the area, at IoU 0.5 by VOC's rules.

    Attributes:
        recalls: (P,) float64: 0, 0.01, ..., 1.
        precision: (C, P) float64 in 0-1: the best precision at that recall or beyond, 0 at recalls
            that are never reached; NaN for classes without objects.
    """

    recalls: np.ndarray
    precision: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(P,) mean over the classes with objects; NaN without any."""
        return mean_over_classes(self.precision.T)

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """As plain values; classes without objects are left out."""
        return {
            "recalls": plain_list(self.recalls),
            "mean": plain_list(self.mean),
            "per_class": {
                name: plain_list(curve)
                for name, curve in zip(classes, self.precision, strict=True)
                if np.isfinite(curve[0])
            },
        }


def precision_recall_curves(scores: SplitScores) -> PrecisionRecall:
    """The curves of all classes."""
    precision = np.full((len(scores.ap50), len(COCO_RECALLS)), np.nan)
    for label in np.flatnonzero(scores.voc.positives).tolist():
        curve = scores.curve(label)
        best_beyond = np.append(np.maximum.accumulate(curve.precision[::-1])[::-1], 0.0)
        precision[label] = best_beyond[np.searchsorted(curve.recall, COCO_RECALLS, side="left")]
    return PrecisionRecall(COCO_RECALLS, precision)
