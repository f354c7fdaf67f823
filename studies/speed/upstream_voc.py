"""Upstream's VOC evaluation (package `yolox`), called as installed, and what it needs for that."""

import contextlib
import pickle
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from yolox.data import VocDetection
from yolox.evaluators import VocEvaluator, voc_eval

from studies.speed.quiet import quiet
from studies.speed.synthetic import SPLIT, YEAR
from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections

PATCHES = (
    "end to end: upstream's writing of detection files compares arrays with [], which numpy 2 "
    "refuses; its arrays are given as a subclass that answers False",
    "parsed before: `open` and `pickle` in the module of voc_eval are replaced by ones that hand "
    "over parsed annotations and detections; its code is as installed",
)


class UpstreamVoc:
    """Upstream's evaluator, with its files in a separate folder.

    Args:
        root: a VOCdevkit made by `write_voc`.
        split: what lies there.
        detections: the detections of the split.
    """

    def __init__(self, root: Path, split: VocSplit, detections: Detections) -> None:
        self.root = root
        self.split = split
        voc = root / f"VOC{YEAR}"
        self.set_file = voc / "ImageSets" / "Main" / f"{SPLIT}.txt"
        self.annotation_path = str(voc / "Annotations" / "{:s}.xml")
        self.cache = root / "cache"
        self.detection_path = str(root / "detections" / "{:s}.txt")
        self.rows = _rows_of_classes(split, detections)
        self._write_detections()
        self.predictions = _predictions(split, detections)
        with quiet():
            self.dataset = _Numpy2Voc(str(root), [(YEAR, SPLIT)], dataset_name=f"VOC{YEAR}")
            self._evaluate_class(split.classes[0], 0.5, False)  # parses and caches the annotations
        self.annotations = pickle.loads((self.cache / "annots.pkl").read_bytes())

    def from_files(self, thresholds: np.ndarray, *, use_07_metric: bool = True) -> np.ndarray:
        """(T, C) AP by `voc_eval`, with its cache of annotations filled."""
        return np.array(
            [
                [self._evaluate_class(name, iou, use_07_metric) for name in self.split.classes]
                for iou in thresholds.tolist()
            ]
        )

    def from_memory(self, thresholds: np.ndarray, *, use_07_metric: bool = True) -> np.ndarray:
        """The same with nothing left to read or parse."""
        with self._parsed_before():
            return self.from_files(thresholds, use_07_metric=use_07_metric)

    def end_to_end(self) -> float:
        """Mean AP over classes and IoU 0.5 to 0.95 from the predictions of each image.

        Gathers boxes by class, writes and reads them as text (with 3 digits of the scores), parses
        the annotations.
        """
        for folder in ("annotations_cache", "results"):
            if (self.root / folder).exists():
                shutil.rmtree(self.root / folder)
        loader: Any = SimpleNamespace(dataset=self.dataset, batch_size=16)
        evaluator = VocEvaluator(loader, (416, 416), 0.01, 0.65, len(self.split.classes))
        with quiet():
            ap50_95, _, _ = evaluator.evaluate_prediction(self.predictions, torch.ones(3))
        return float(ap50_95)

    def _evaluate_class(self, name: str, iou: float, use_07_metric: bool) -> float:
        _, _, ap = voc_eval.voc_eval(
            self.detection_path,
            self.annotation_path,
            str(self.set_file),
            name,
            str(self.cache),
            ovthresh=iou,
            use_07_metric=use_07_metric,
        )
        return float(ap)

    def _write_detections(self) -> None:
        """In upstream's format, but with all digits, so that the AP can be compared."""
        for name, rows in self.rows.items():
            path = Path(self.detection_path.format(name))
            path.parent.mkdir(exist_ok=True)
            lines = (" ".join([image, *map(repr, numbers)]) for image, *numbers in rows)
            path.write_text("".join(f"{line}\n" for line in lines))

    @contextlib.contextmanager
    def _parsed_before(self) -> Iterator[None]:
        files: dict[str, list[Any]] = {
            self.detection_path.format(name): [_ParsedLine(row) for row in rows]
            for name, rows in self.rows.items()
        }
        files[str(self.set_file)] = self.set_file.read_text().splitlines()

        @contextlib.contextmanager
        def open_parsed(path: str, mode: str) -> Iterator[Any]:
            yield SimpleNamespace(readlines=lambda: files[path])

        module: Any = voc_eval
        module.open = open_parsed
        module.pickle = SimpleNamespace(load=lambda file: self.annotations)
        try:
            yield
        finally:
            del module.open
            module.pickle = pickle


class _ParsedLine:
    """A line of a detection file that is already split into words."""

    def __init__(self, fields: list[Any]) -> None:
        self.fields = fields

    def strip(self) -> "_ParsedLine":
        return self

    def split(self, separator: str) -> list[Any]:
        return self.fields


class _Boxes(np.ndarray):
    """Detections that can be compared with an empty list, as was possible before numpy 2."""

    def __eq__(self, other: object) -> Any:
        return False if other == [] else super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


class _Numpy2Voc(VocDetection):
    def evaluate_detections(self, all_boxes: Any, output_dir: str | None = None) -> Any:
        boxes = [[rows.view(_Boxes) for rows in of_class] for of_class in all_boxes]
        return super().evaluate_detections(boxes, output_dir)


def _rows_of_classes(split: VocSplit, detections: Detections) -> dict[str, list[list[Any]]]:
    """For each class name the image id, score and corners, counted from 1, of its detections."""
    result: dict[str, list[list[Any]]] = {}
    for label, name in enumerate(split.classes):
        mine = np.flatnonzero(detections.labels == label)
        ids = split.ids[detections.images[mine]].tolist()
        scores = detections.scores[mine].tolist()
        boxes = (detections.boxes[mine].astype(np.float64) + 1).tolist()
        result[name] = [[i, s, *box] for i, s, box in zip(ids, scores, boxes, strict=True)]
    return result


def _predictions(split: VocSplit, detections: Detections) -> dict[int, tuple[Any, Any, Any]]:
    """Boxes, classes and scores of each image, as upstream's evaluator collects them."""
    limits = np.searchsorted(detections.images, np.arange(len(split) + 1)).tolist()
    boxes, labels, scores = (
        torch.from_numpy(array)
        for array in (detections.boxes, detections.labels, detections.scores)
    )
    return {
        image: (boxes[a:b], labels[a:b].float(), scores[a:b])
        for image, (a, b) in enumerate(pairwise(limits))
    }
