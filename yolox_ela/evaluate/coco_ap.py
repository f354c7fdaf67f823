"""COCO-style AP50:95 through pycocotools.

COCO's rules differ from VOC's: overlap is continuous, a detection takes the best object that is
still free, recall is sampled at 101 points, and at most 100 detections per image and class count.
Difficult objects are ignored: not a miss, and their first detection is no false alarm.
"""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolox_ela.data.voc import VocSplit
from yolox_ela.evaluate.detections import Detections


class _IgnoreDifficult(COCOeval):
    """COCOeval derives `ignore` from `iscrowd`; here it is its own flag."""

    def _prepare(self) -> None:
        super()._prepare()
        for objects in self._gts.values():
            for item in objects:
                item["ignore"] = item["difficult"]


def coco_average_precision(detections: Detections, split: VocSplit) -> dict[str, float]:
    """AP50:95 of every class that has an object which is not difficult."""
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))
    sides = split.boxes[:, 2:] - split.boxes[:, :2]
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i} for i in range(len(split))],
        "categories": [{"id": label} for label in range(len(split.classes))],
        "annotations": [
            {
                "id": row + 1,  # pycocotools takes 0 for "not matched"
                "image_id": int(images[row]),
                "category_id": int(split.labels[row]),
                "bbox": [*split.boxes[row, :2].tolist(), *sides[row].tolist()],
                "area": float(sides[row].prod()),
                "iscrowd": 0,
                "difficult": int(split.difficult[row]),
            }
            for row in range(len(split.labels))
        ],
    }
    present = np.unique(split.labels[~split.difficult])
    if len(detections) == 0 or len(present) == 0:
        return {split.classes[label]: 0.0 for label in present}
    table = np.concatenate(
        [
            detections.images[:, None],
            detections.boxes[:, :2],
            detections.boxes[:, 2:] - detections.boxes[:, :2],
            detections.scores[:, None],
            detections.labels[:, None],
        ],
        axis=1,
    ).astype(np.float64)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
        truth.createIndex()
        evaluation = _IgnoreDifficult(truth, truth.loadRes(table), "bbox")
        evaluation.params.areaRng = evaluation.params.areaRng[:1]  # all sizes
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0, 0]  # (10 thresholds, 101 recalls, classes)
    return {split.classes[label]: float(precision[:, :, label].mean()) for label in present}
