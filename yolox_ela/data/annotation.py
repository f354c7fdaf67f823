"""Pascal VOC's XML, as it is written.

Boxes are x1, y1, x2, y2 in pixels counted from 0: the XML's numbers, which count from 1, less 1.
"""

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Annotation:
    """One XML file, as written.

    Attributes:
        names: class name of each object.
        boxes: (N, 4) float64, counted from 0, neither clipped nor checked.
        difficult: (N,) bool; False where the tag is missing.
        size: (width, height), or None where the XML does not say.
    """

    names: tuple[str, ...]
    boxes: np.ndarray
    difficult: np.ndarray
    size: tuple[int, int] | None


def parse_annotation(path: Path) -> Annotation:
    """Read an annotation; tolerates a missing <size> or <difficult> and decimal coordinates.

    Raises:
        ValueError: the XML is malformed or an object lacks a name or four finite coordinates.
    """
    try:
        root = ET.parse(path).getroot()
    except (ET.ParseError, LookupError) as error:  # LookupError: unknown encoding
        raise ValueError(f"malformed XML: {error}") from error
    names, boxes, difficult = [], [], []
    for number, item in enumerate(root.iter("object"), 1):
        name = (item.findtext("name") or "").strip()
        if not name:
            raise ValueError(f"object {number} has no <name>")
        box = item.find("bndbox")
        corners = [_number(box, tag, number) for tag in ("xmin", "ymin", "xmax", "ymax")]
        names.append(name)
        boxes.append(corners)
        difficult.append((item.findtext("difficult") or "0").strip() in ("1", "true", "True"))
    return Annotation(
        tuple(names),
        np.array(boxes, dtype=np.float64).reshape(-1, 4) - 1,
        np.array(difficult, dtype=bool),
        _size(root),
    )


def _number(box: ET.Element | None, tag: str, number: int) -> float:
    text = box.findtext(tag) if box is not None else None
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"object {number} has no usable <{tag}>: {text!r}")
    return value


def _size(root: ET.Element) -> tuple[int, int] | None:
    """Width and height of the XML, None where missing or written as 0."""
    try:
        width = int(float(root.findtext("size/width") or 0))
        height = int(float(root.findtext("size/height") or 0))
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None
