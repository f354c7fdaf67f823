"""Detections as annotations, to be corrected in a labelling tool: YOLO txt and VOC XML."""

from pathlib import Path

import numpy as np

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.writers.voc import annotation_text, within_voc
from yolox_ela.datasets.writers.yolo import label_lines
from yolox_ela.predict.result import Result


def write_yolo(path: Path, result: Result) -> None:
    """Write a line a box: class number, centre, width and height as shares of the picture."""
    lines = label_lines(_as_annotation(path.stem, result))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_voc(path: Path, result: Result, classes: tuple[str, ...]) -> None:
    """Write VOC's XML; boxes under a pixel wide or high, which VOC cannot hold, are left out."""
    image = within_voc(_as_annotation(path.stem, result))
    path.write_text(annotation_text(image, path.parent.name, classes), encoding="utf-8")


def _as_annotation(name: str, result: Result) -> CheckedImage:
    height, width = result.image.shape[:2]
    is_picture = isinstance(result.source, (str, Path)) and result.frame is None
    none = np.zeros(len(result), bool)
    return CheckedImage(
        name,
        Path(result.source) if is_picture else Path(f"{name}.jpg"),
        (width, height),
        result.boxes.astype(np.float64),
        result.labels,
        none,
        none,
    )
