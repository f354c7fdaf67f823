"""An image with its checked objects, and the checks that every format's objects go through."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from yolox_ela.datasets.problems import Problem, Severity

Size = tuple[int, int]
ROUNDING = 0.01  # pixels that a box may reach over the edge by its rounded digits
_EMPTY = {0.0: "without any area", 1.0: "under a pixel"}  # by the least side of a box


@dataclass(frozen=True)
class CheckedImage:
    """An image whose annotation was checked.

    Attributes:
        id: the name of the image in lists, detections and messages, unique within its set.
        path: the image file.
        size: width and height in pixels.
        boxes: (N, 4) float64 x1, y1, x2, y2, counted from 0, clipped to the image.
        labels: (N,) int64 index of the class.
        difficult: (N,) bool; VOC's objects that evaluation ignores.
        crowd: (N,) bool; COCO's regions of many objects, which evaluation ignores and training
            leaves out.
        at_zero: how many of the boxes begin at 0 in XML that counts from 1, where none should.
        number: the image's id in a COCO JSON file, -1 in the other formats.
    """

    id: str
    path: Path
    size: Size
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray
    at_zero: int = 0
    number: int = -1

    @staticmethod
    def without_objects(image_id: str, path: Path, size: Size, number: int = -1) -> "CheckedImage":
        """An image that has no objects, or whose objects are not known."""
        none = np.zeros(0, bool)
        return CheckedImage(
            image_id,
            path,
            size,
            np.zeros((0, 4)),
            np.zeros(0, np.int64),
            none,
            none,
            number=number,
        )


@dataclass(frozen=True)
class StatedObjects:
    """The objects of one image as its annotation states them, before any check.

    Attributes:
        names: the class name of each object.
        boxes: (N, 4) float64 x1, y1, x2, y2 in pixels, counted from 0, neither clipped nor checked.
        places: where in the file each object is, as in `object 3` or `line 2`.
        written: each object's class and box as the file has them, for messages.
        shares: (N,) bool; the box looks as if it were written as shares of the image instead of
            pixels; an error where it is set.
    """

    names: Sequence[str]
    boxes: np.ndarray
    places: Sequence[str]
    written: Sequence[str]
    shares: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))


def check_objects(
    file: Path,
    stated: StatedObjects,
    size: Size,
    labels: Mapping[str, int],
    *,
    counts_pixels: bool = False,
    ignore_others: bool = False,
) -> tuple[list[int], np.ndarray, list[Problem]]:
    """Which objects of an image can be used, and what is wrong with the others.

    Args:
        file: the annotation, named in the problems.
        stated: the objects.
        size: width and height of the image.
        labels: index of each class name.
        counts_pixels: a box names its last column and row of pixels, as VOC's does, so that they
            are at most the width and height less 1, and a box under a pixel wide or high is
            dropped; otherwise it names its right and lower edge, and a box needs some area only.
        ignore_others: leave objects of other classes out without a word.

    Returns:
        The rows to use, all boxes clipped to the image, (N, 4), and the problems.
    """
    clipped = np.clip(stated.boxes, 0, np.array([*size, *size]) - int(counts_pixels))
    keep, problems = [], []
    least = 1.0 if counts_pixels else 0.0
    for row, kind, detail, severity in _findings(stated, clipped, size, labels, least):
        if kind == "unknown class" and ignore_others:
            continue
        if kind is None or kind == "box over the edge":
            keep.append(row)
        if kind is not None:
            problems.append(Problem(file, kind, f"{stated.places[row]}, {detail}", severity))
    return keep, clipped, problems


def _findings(
    stated: StatedObjects,
    clipped: np.ndarray,
    size: Size,
    labels: Mapping[str, int],
    least: float,
) -> Iterator[tuple[int, str | None, str, Severity]]:
    """For each object its row, what is wrong with it (None: nothing), detail and severity."""
    for row, (name, box) in enumerate(zip(stated.names, stated.boxes, strict=True)):
        inverted = box[2] < box[0] or box[3] < box[1]
        outside = box[0] >= size[0] or box[1] >= size[1] or box[2] < 0 or box[3] < 0
        side = (clipped[row, 2:] - clipped[row, :2]).min()
        empty = side <= 0 or side < least
        over = np.abs(clipped[row] - box).max() > ROUNDING
        shares = bool(len(stated.shares)) and stated.shares[row]
        if name in labels and not (inverted or outside or empty or over or shares):
            yield row, None, "", Severity.WARNING
            continue
        written = stated.written[row]
        if name not in labels:
            yield row, "unknown class", written + meant(name, labels), Severity.ERROR
        elif inverted:
            yield row, "inverted box", written, Severity.ERROR
        elif shares:
            yield row, "box not in pixels", f"{written}: a share of the image?", Severity.ERROR
        elif outside:
            yield row, "box outside the image", written, Severity.ERROR
        elif empty:
            yield row, "empty box", f"{written}, {_EMPTY[least]}: dropped", Severity.WARNING
        else:
            yield row, "box over the edge", f"{written}: clipped", Severity.WARNING


def meant(name: str, labels: Mapping[str, int]) -> str:
    """The class that a name nearly spells, as a question; empty if there is none."""
    spellings = {known.casefold(): known for known in labels}
    near = difflib.get_close_matches(name.casefold(), spellings, n=1, cutoff=0.8)
    return f"; did you mean {spellings[near[0]]}?" if near else ""
