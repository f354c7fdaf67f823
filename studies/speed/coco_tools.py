"""COCO's evaluation by pycocotools and faster-coco-eval, and the same figures by this package."""

import contextlib
import importlib.util
import io
from dataclasses import replace
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import (
    average_precision,
    hundred_one_points,
    max_recall,
)
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import COCO_IOUS, COCO_RULES

SMALL, MEDIUM, LARGE = (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10)


def installed_tools() -> dict[str, tuple[type, type]]:
    """The installed COCO evaluators by name, with their classes COCO and COCOeval."""
    tools: dict[str, tuple[type, type]] = {"pycocotools": (COCO, COCOeval)}
    if importlib.util.find_spec("faster_coco_eval"):
        faster = importlib.import_module("faster_coco_eval")
        tools["faster-coco-eval"] = (faster.COCO, faster.COCOeval_faster)
    return tools


class CocoTool:
    """One of these evaluators; difficult objects count like others, as COCO has none."""

    def __init__(self, classes: tuple[type, type], split: VocSplit, detections: Detections) -> None:
        self.coco, self.coco_eval = classes
        self.split = split
        self.detections = detections
        self.truth, self.results = self.load()

    def load(self) -> tuple[Any, Any]:
        """The tool's own structures, from this package's arrays."""
        images = np.repeat(np.arange(len(self.split)), np.diff(self.split.offsets)).tolist()
        corners = self.split.boxes.astype(np.float64)
        corners[:, 2:] -= corners[:, :2]
        truth: Any = self.coco()
        truth.dataset = {
            "info": {},
            "images": [{"id": i} for i in range(len(self.split))],
            "categories": [{"id": i, "name": n} for i, n in enumerate(self.split.classes)],
            "annotations": [
                {
                    "id": row + 1,  # 0 means "not matched"
                    "image_id": images[row],
                    "category_id": label,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
                for row, (label, box) in enumerate(
                    zip(self.split.labels.tolist(), corners.tolist(), strict=True)
                )
            ],
        }
        found = self.detections
        boxes = found.boxes.astype(np.float64)
        boxes[:, 2:] -= boxes[:, :2]
        table = np.column_stack([found.images, boxes, found.scores, found.labels])
        with contextlib.redirect_stdout(io.StringIO()):
            truth.createIndex()
            return truth, truth.loadRes(table)

    def average_precision(self) -> np.ndarray:
        """(10, C) AP for objects of all areas and 100 detections, and nothing else."""
        evaluation = self.coco_eval(self.truth, self.results, "bbox")
        evaluation.params.areaRng = evaluation.params.areaRng[:1]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [100]
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation.eval["precision"][..., 0, 0].mean(axis=1)

    def twelve(self) -> np.ndarray:
        """(12,) COCO's summary, with all that the tool computes for it by default."""
        evaluation = self.coco_eval(self.truth, self.results, "bbox")
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return np.array(evaluation.stats[:12])

    def from_arrays(self) -> np.ndarray:
        """`average_precision`, the making of the tool's structures included."""
        self.truth, self.results = self.load()
        return self.average_precision()


def plain_objects(split: VocSplit) -> Objects:
    """The objects of a split, none of them marked difficult."""
    return replace(Objects.of_split(split), difficult=np.zeros(len(split.labels), dtype=bool))


def twelve_figures(detections: Detections, objects: Objects) -> np.ndarray:
    """(12,) COCO's summary by this package: AP, AP50, AP75, AP of small, medium and large objects;
    recall with 1, 10 and 100 detections, and of small, medium and large objects. -1 without any."""
    areas = [
        match(detections, objects, replace(COCO_RULES, area_range=area), COCO_IOUS)
        for area in ((0.0, 1e10), SMALL, MEDIUM, LARGE)
    ]
    fewer = [
        match(detections, objects, replace(COCO_RULES, max_detections=limit), COCO_IOUS)
        for limit in (1, 10)
    ]
    precision = [average_precision(matches, hundred_one_points) for matches in areas]
    recall = [max_recall(matches) for matches in (*fewer, *areas)]
    first = precision[0]
    figures = [first, first[0], first[5], *precision[1:], *recall]
    return np.array([-1 if np.isnan(figure).all() else np.nanmean(figure) for figure in figures])
