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
# By this very expression of pycocotools: 0.5 + 4 * 0.05 is a little more than 0.7 or not.
COCO_IOUS = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True)
class Rules:
    """How detections are matched with objects.

    Attributes:
        inclusive_pixels: sides of boxes are x2 - x1 + 1, not x2 - x1.
        strict: an overlap must exceed the threshold, not only reach it.
        best_object_only: a detection whose best object is taken is false; otherwise it may take
            the best one still free.
        difficult_last: a difficult object is matched only if no other can be.
        difficult_once: a second detection of a difficult object (crowds excepted) is false.
        last_of_equals: of objects overlapped alike the last annotated is taken, not the first.
        max_detections: number that count for each image and class.
        area_range: square pixels; objects outside are treated as difficult ones, and detections
            outside that match nothing are ignored.
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
