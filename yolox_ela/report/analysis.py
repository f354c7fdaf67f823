"""All that a report says about the detections of one run."""

from dataclasses import dataclass
from typing import Any

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import mean_over_classes
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.rules import VOC_IOU
from yolox_ela.evaluate.scores import METRICS, SplitScores
from yolox_ela.report.confusion import Confusion, confusion_matrix
from yolox_ela.report.errors import Errors, find_errors
from yolox_ela.report.plain import plain_number
from yolox_ela.report.precision_recall import PrecisionRecall, precision_recall_curves
from yolox_ela.report.sizes import SizeScores, score_by_size
from yolox_ela.report.thresholds import OperatingPoint, ThresholdCurves, threshold_curves
from yolox_ela.report.worst import WorstCases, worst_cases


@dataclass(frozen=True)
class AnalysisSettings:
    """What is left to choose.

    Attributes:
        score_threshold: from which detections are kept in the confusion matrix and where a single
            threshold is needed; None for the one with the best F1.
        confusion_iou: overlap from which the confusion matrix pairs objects and detections.
        cases: length of each list of worst cases.
    """

    score_threshold: float | None = None
    confusion_iou: float = VOC_IOU
    cases: int = 50


@dataclass(frozen=True)
class Analysis:
    """Numbers derived from detections and objects; those they were derived from come first.

    Attributes:
        detections: of the split.
        split: images and objects.
        scores: average precision, and the matches behind it.
        kept: the threshold that the parts below share, and what is found at it.
        thresholds: precision, recall and F1 against the score threshold.
        precision_recall: the curves below which AP50 is the area.
        confusion: which class is taken for which.
        sizes: AP50 and recall of small, medium and large objects.
        errors: each detection's and object's error, and what each kind costs.
        worst: the false detections and misses to look at first.
    """

    detections: Detections
    split: VocSplit
    scores: SplitScores
    kept: OperatingPoint
    thresholds: ThresholdCurves
    precision_recall: PrecisionRecall
    confusion: Confusion
    sizes: tuple[SizeScores, ...]
    errors: Errors
    worst: WorstCases

    def to_json(self) -> dict[str, Any]:
        """All numbers as plain values; AP in 0-1, None where there is none."""
        classes = self.split.classes
        return {
            "mean_ap": {
                m: plain_number(float(mean_over_classes(getattr(self.scores, m)))) for m in METRICS
            },
            "ap_per_class": {
                name: {
                    **{m: plain_number(getattr(self.scores, m)[label]) for m in METRICS},
                    "objects": int(self.scores.voc.positives[label]),
                }
                for label, name in enumerate(classes)
            },
            "kept": self.kept.to_json(),
            "thresholds": self.thresholds.to_json(classes),
            "precision_recall": self.precision_recall.to_json(classes),
            "confusion": self.confusion.to_json(classes),
            "sizes": [size.to_json() for size in self.sizes],
            "errors": self.errors.to_json(),
            "worst": self.worst.to_json(self.detections, self.split),
        }


def analyse(
    detections: Detections,
    split: VocSplit,
    scores: SplitScores,
    settings: AnalysisSettings | None = None,
) -> Analysis:
    """Derive all numbers of a report.

    Args:
        detections: of the split, in any order.
        split: images and objects.
        scores: `score_split(detections, split)`.
        settings: what is left to choose.
    """
    settings = settings or AnalysisSettings()
    thresholds = threshold_curves(detections, scores)
    if settings.score_threshold is None:
        kept = thresholds.pooled.best
    else:
        kept = thresholds.pooled.at(settings.score_threshold)
    errors = find_errors(detections, split, scores)
    return Analysis(
        detections=detections,
        split=split,
        scores=scores,
        kept=kept,
        thresholds=thresholds,
        precision_recall=precision_recall_curves(scores),
        confusion=confusion_matrix(detections, split, kept.threshold, settings.confusion_iou),
        sizes=score_by_size(detections, split, kept.threshold),
        errors=errors,
        worst=worst_cases(detections, split, scores, errors, kept.threshold, settings.cases),
    )
