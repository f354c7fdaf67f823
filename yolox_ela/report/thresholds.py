"""Precision, recall and F1 against the score from which detections are kept.

Detections are true or false at IoU 0.5 by VOC's rules, those of difficult objects are left out.
F1 is 2 TP / (detections + objects), the harmonic mean of precision and recall.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import SplitScores
from yolox_ela.report.plain import plain_list, plain_number

# Three decimals are as many as anybody sets a threshold with.
THRESHOLDS = np.arange(1001) / 1000


@dataclass(frozen=True)
class OperatingPoint:
    """What is found at a threshold; all in 0-1, precision is NaN without detections."""

    threshold: float
    precision: float
    recall: float
    f1: float

    def to_json(self) -> dict[str, float | None]:
        """As plain values."""
        return {name: plain_number(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class ThresholdCurve:
    """One class, or all of them pooled, at each of `THRESHOLDS`.

    Attributes:
        precision: (T,) float64 in 0-1; NaN where no detection is left.
        recall: (T,) float64 in 0-1; falls.
        f1: (T,) float64 in 0-1.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    @property
    def best(self) -> OperatingPoint:
        """Where F1 is highest; the lowest of equal thresholds."""
        return self._point(int(self.f1.argmax()))

    def at(self, threshold: float) -> OperatingPoint:
        """At a threshold in 0-1, rounded to those of `THRESHOLDS`."""
        return self._point(int(np.abs(THRESHOLDS - threshold).argmin()))

    def _point(self, index: int) -> OperatingPoint:
        return OperatingPoint(
            threshold=float(THRESHOLDS[index]),
            precision=float(self.precision[index]),
            recall=float(self.recall[index]),
            f1=float(self.f1[index]),
        )


@dataclass(frozen=True)
class ThresholdCurves:
    """All classes pooled, every object counting alike, and each on its own.

    Attributes:
        pooled: over all detections and objects.
        classes: C curves; None for a class without objects.
    """

    pooled: ThresholdCurve
    classes: tuple[ThresholdCurve | None, ...]

    def to_json(self, names: tuple[str, ...]) -> dict[str, Any]:
        """As plain values: the pooled curve in steps of 0.01, and the best threshold of each."""
        return {
            "best": self.pooled.best.to_json(),
            "best_per_class": {
                name: curve.best.to_json()
                for name, curve in zip(names, self.classes, strict=True)
                if curve is not None
            },
            "thresholds": plain_list(THRESHOLDS[::10]),
            "precision": plain_list(self.pooled.precision[::10]),
            "recall": plain_list(self.pooled.recall[::10]),
            "f1": plain_list(self.pooled.f1[::10]),
        }


def threshold_curves(detections: Detections, scores: SplitScores) -> ThresholdCurves:
    """Precision, recall and F1 of a split's detections at each of `THRESHOLDS`."""
    verdicts, _ = scores.verdicts()
    true, false = verdicts == Verdict.TRUE, verdicts == Verdict.FALSE
    objects = scores.voc.positives

    def curve(selected: np.ndarray, positives: int) -> ThresholdCurve:
        hits = _counts(detections.scores[selected & true])
        kept = hits + _counts(detections.scores[selected & false])
        return ThresholdCurve(
            precision=_ratio(hits, kept, np.nan),
            recall=_ratio(hits, np.full(len(hits), positives), 0.0),
            f1=_ratio(2 * hits, kept + positives, 0.0),
        )

    return ThresholdCurves(
        pooled=curve(np.ones(len(detections), dtype=bool), int(objects.sum())),
        classes=tuple(
            curve(detections.labels == label, int(positives)) if positives else None
            for label, positives in enumerate(objects)
        ),
    )


def _counts(scores: np.ndarray) -> np.ndarray:
    """(T,) int64: how many scores reach each threshold, compared in the scores' own precision."""
    return len(scores) - np.searchsorted(np.sort(scores), THRESHOLDS.astype(scores.dtype))


def _ratio(part: np.ndarray, whole: np.ndarray, otherwise: float) -> np.ndarray:
    """Their quotient, and `otherwise` where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(part), otherwise), where=whole > 0)
