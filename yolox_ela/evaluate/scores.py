"""All scores of a split, and the matches that they are computed from."""

from dataclasses import dataclass

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import (
    Curve,
    all_points,
    average_precision,
    eleven_point,
    hundred_one_points,
    precision_recall,
)
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Matches, match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import COCO_IOUS, COCO_RULES, VOC_IOU, VOC_RULES

METRICS = ("ap50_voc07", "ap50", "ap50_95")  # fields of SplitScores
METRIC_HEADERS = dict(zip(METRICS, ("AP50 07", "AP50", "AP50:95"), strict=True))  # of columns


@dataclass(frozen=True)
class SplitScores:
    """The scores of a set of detections; APs are NaN for classes without objects.

    Attributes:
        ap50_voc07: (C,) AP at IoU 0.5 by VOC's rules, over 11 points.
        ap50: (C,) the same over all points.
        ap50_95: (C,) mean AP over ten IoU thresholds by COCO's rules.
        voc: matches by VOC's rules, at IoU 0.5 alone.
        coco: matches by COCO's rules, at the ten thresholds.
    """

    ap50_voc07: np.ndarray
    ap50: np.ndarray
    ap50_95: np.ndarray
    voc: Matches
    coco: Matches

    def curve(self, label: int) -> Curve:
        """Precision and recall at IoU 0.5 by VOC's rules, of a class that has objects."""
        return precision_recall(self.voc, 0, label)

    def verdicts(self) -> tuple[np.ndarray, np.ndarray]:
        """For each detection its `Verdict` at IoU 0.5 by VOC's rules, and the object's row or -1.

        A detection of a difficult object is ignored, but has that object's row.
        """
        return self.voc.verdicts(0)


def score_split(detections: Detections, split: VocSplit) -> SplitScores:
    """Match the detections of a split once by VOC's and once by COCO's rules."""
    objects = Objects.of_split(split)
    voc = match(detections, objects, VOC_RULES, [VOC_IOU])
    coco = match(detections, objects, COCO_RULES, COCO_IOUS)
    return SplitScores(
        ap50_voc07=average_precision(voc, eleven_point)[0],
        ap50=average_precision(voc, all_points)[0],
        ap50_95=average_precision(coco, hundred_one_points).mean(axis=0),
        voc=voc,
        coco=coco,
    )


METRIC_TITLES = {
    "ap50_voc07": "AP50, 11 points (VOC07)",
    "ap50": "AP50, all points",
    "ap50_95": "AP50:95 (COCO)",
}
"""The titles of `METRICS` in plots."""
