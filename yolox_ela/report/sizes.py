"""How well objects are found by their size.

The bounds are COCO's, on the area of the annotated box in the original photograph (pixels counted
as VOC does); an object on a bound is in both ranges. VOC's rules at IoU 0.5 hold otherwise:
objects of other sizes are treated as difficult ones, and a detection of another size that finds
nothing is ignored.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import all_points, average_precision, mean_over_classes
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import VOC_IOU, VOC_RULES
from yolox_ela.report.plain import plain_number

SIZES = {
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, math.inf),
}


@dataclass(frozen=True)
class SizeScores:
    """Objects of one range of sizes.

    Attributes:
        name: of the range.
        area_range: square pixels, bounds included.
        objects: number of them that are not difficult.
        classes: number of classes that have any.
        ap50: mean over those classes of AP50 over all points, in 0-1; NaN without objects.
        recall: share of the objects found at any score; NaN without objects.
        kept_recall: share of them found at the score threshold.
    """

    name: str
    area_range: tuple[float, float]
    objects: int
    classes: int
    ap50: float
    recall: float
    kept_recall: float

    def to_json(self) -> dict[str, Any]:
        """As plain values; an open end of the range is None."""
        low, high = self.area_range
        return {
            "name": self.name,
            "area_range": [low, plain_number(high)],
            "objects": self.objects,
            "classes": self.classes,
            "ap50": plain_number(self.ap50),
            "recall": plain_number(self.recall),
            "kept_recall": plain_number(self.kept_recall),
        }


def score_by_size(
    detections: Detections, split: VocSplit, threshold: float
) -> tuple[SizeScores, ...]:
    """AP and recall for each of `SIZES`.

    Args:
        detections: of the split.
        split: images and objects.
        threshold: the score from which `kept_recall` counts.
    """
    objects = Objects.of_split(split)
    results = []
    for name, area_range in SIZES.items():
        rules = replace(VOC_RULES, area_range=area_range)
        matches = match(detections, objects, rules, [VOC_IOU])
        found = matches.scores[matches.places[matches.true]]
        positives = int(matches.positives.sum())
        results.append(
            SizeScores(
                name=name,
                area_range=area_range,
                objects=positives,
                classes=int((matches.positives > 0).sum()),
                ap50=float(mean_over_classes(average_precision(matches, all_points)[0])),
                recall=len(found) / positives if positives else math.nan,
                kept_recall=int((found >= threshold).sum()) / positives if positives else math.nan,
            )
        )
    return tuple(results)
