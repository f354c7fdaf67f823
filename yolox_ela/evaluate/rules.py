"""The two sets of rules by which detections are matched with objects.

Where they differ, and which of this package's figures follow which:

|                                | VOC (`ap50_voc07`, `ap50`)    | COCO (`ap50_95`)             |
|--------------------------------|-------------------------------|------------------------------|
| a box from 3 to 5 is           | 3 pixels wide                 | 2 wide                       |
| overlap (IoU) must             | exceed the threshold          | reach it                     |
| a detection goes to            | the object it overlaps most,  | the object it overlaps most  |
|                                | even if that is taken already | of those still free          |
| difficult objects compete      | like any other                | for what no other accepts    |
| detections of a difficult one  | are ignored                   | the first is ignored, more   |
|                                |                               | are false (crowd: all are    |
|                                |                               | ignored)                     |
| objects overlapped alike       | the first annotated wins      | the last one wins            |
| detections per image and class | all count                     | the best 100 count           |

Both take detections from the best score to the worst, equal scores in the order given. VOC's are
those of the challenge's devkit and of upstream's `voc_eval` (the devkit's MATLAB also accepts an
overlap equal to the threshold), COCO's those of pycocotools.
"""

import math
from dataclasses import dataclass

import numpy as np

VOC_IOU = 0.5
# The expression of pycocotools; others would round some thresholds differently.
COCO_IOUS = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True)
class Rules:
    """How detections are matched with objects.

    Attributes:
        inclusive_pixels: whether the width of a box is x2 - x1 + 1 instead of x2 - x1.
        strict: whether an overlap must exceed the threshold instead of reaching it.
        best_object_only: whether a detection is false if its best object is already matched;
            otherwise the best object that is still free is matched.
        difficult_last: whether a difficult object is matched only if no other object can be.
        difficult_once: whether a second detection of a difficult object (not a crowd) is false.
        last_of_equals: whether of objects with equal overlap the last annotated one is matched
            instead of the first.
        max_detections: largest number of detections that count for each image and class.
        area_range: range of areas in square pixels. Objects outside it are treated as difficult,
            and detections outside it that match nothing are ignored.
    """

    inclusive_pixels: bool
    strict: bool
    best_object_only: bool
    difficult_last: bool
    difficult_once: bool
    last_of_equals: bool
    max_detections: int | None = None
    area_range: tuple[float, float] = (0.0, math.inf)


VOC_RULES = Rules(
    inclusive_pixels=True,
    strict=True,
    best_object_only=True,
    difficult_last=False,
    difficult_once=False,
    last_of_equals=False,
)
COCO_RULES = Rules(
    inclusive_pixels=False,
    strict=False,
    best_object_only=False,
    difficult_last=True,
    difficult_once=True,
    last_of_equals=True,
    max_detections=100,
)
