"""A set of images and annotations as it lies on the disk, with all that is wrong with it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolox_ela.data.annotation import Annotation, parse_annotation
from yolox_ela.data.image import IMAGE_SUFFIXES, image_header
from yolox_ela.data.orientation import turn_problems
from yolox_ela.data.problems import Problem, Severity
from yolox_ela.errors import UserError
from yolox_ela.recipe import parse_set

PARTS = ("Annotations", "ImageSets", "JPEGImages")


@dataclass(frozen=True)
class CheckedImage:
    """An image whose annotation was checked; boxes are clipped to it."""

    id: str
    path: Path
    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray


def inspect_set(
    root: Path, entry: str, classes: Sequence[str]
) -> tuple[list[CheckedImage], list[Problem]]:
    """Every image of a set that has both files, and every problem short of decoding pixels.

    Args:
        root: a VOCdevkit, the folder that holds one, or a single VOC-layout folder.
        entry: `year/split`.
        classes: the class names that labels index.

    Raises:
        UserError: the set does not exist.
    """
    year, split = parse_set(entry)
    folder = find_voc_folder(root, year)
    ids, problems = read_image_ids(folder, split)
    files, found = image_files(folder)
    problems += found
    images = []
    for image_id in ids:
        image, found = check_image(folder, files, image_id, classes)
        problems += found
        if image is not None:
            images.append(image)
    return images, problems


def find_voc_folder(root: Path, year: str) -> Path:
    """The folder with Annotations, ImageSets and JPEGImages for a year.

    Accepts the VOCdevkit, its parent, or the folder itself (then the year is not checked).

    Raises:
        UserError: none of these has the VOC layout.
    """
    root = Path(root)
    for folder in (root / f"VOC{year}", root / "VOCdevkit" / f"VOC{year}", root):
        if all((folder / part).is_dir() for part in PARTS):
            return folder
    there = sorted(path.name for path in [*root.glob("VOC2*"), *root.glob("VOCdevkit/VOC2*")])
    raise UserError(
        f"no VOC{year} under {root}: expected {root}/VOCdevkit/VOC{year} with the folders "
        f"{', '.join(PARTS)}; there is {', '.join(there) or 'no other year'}. Give the folder that "
        "holds it with --data, or name other sets, as in: train_sets 2012/train test_sets 2012/val"
    )


def read_image_ids(folder: Path, split: str) -> tuple[list[str], list[Problem]]:
    """Image ids of ImageSets/Main/<split>.txt, each once, and what is odd about the file.

    A line may hold more after the id, as VOC's files per class do.

    Raises:
        UserError: there is no such split.
    """
    path = folder / "ImageSets" / "Main" / f"{split}.txt"
    if not path.is_file():
        per_class = re.compile(r".*_(train|val|trainval|test)")  # VOC's own files per class
        there = sorted(p.stem for p in path.parent.glob("*.txt") if not per_class.fullmatch(p.stem))
        raise UserError(
            f"no split file {path}; there are: {', '.join(there) or 'none'}. Name them, as in: "
            "train_sets 2007/train test_sets 2007/val"
        )
    problems = []
    ids: dict[str, None] = {}
    for number, line in enumerate(read_lines(path), 1):
        words = line.split()
        where = f"line {number}"
        if not words:
            problems.append(Problem(path, "blank line", where, Severity.WARNING))
            continue
        if len(words) > 1:
            problems.append(Problem(path, "more than an id", f"{where}: {line}", Severity.WARNING))
        if words[0] in ids:
            problems.append(Problem(path, "duplicate id", f"{where}: {words[0]}", Severity.WARNING))
        ids[words[0]] = None
    if not ids:
        problems.append(Problem(path, "empty split", "no image ids", Severity.ERROR))
    return list(ids), problems


def read_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 file; UserError if it is in another encoding."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()  # Windows puts a mark first
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error


def image_files(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """Image file of each id in JPEGImages, and ids that have two."""
    files: dict[str, Path] = {}
    problems = []
    for path in sorted((folder / "JPEGImages").iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.stem in files:
            detail = f"{files[path.stem].name} has the same id"
            problems.append(Problem(path, "two images for an id", detail))
        files.setdefault(path.stem, path)
    return files, problems


def check_image(
    folder: Path, files: dict[str, Path], image_id: str, classes: Sequence[str]
) -> tuple[CheckedImage | None, list[Problem]]:
    """Everything about one image that can be told without decoding it.

    Returns:
        The image with its usable objects, or None if it has no image or no annotation; and the
        problems found.
    """
    xml = folder / "Annotations" / f"{image_id}.xml"
    path = files.get(image_id)
    if path is None:
        missing = folder / "JPEGImages" / f"{image_id}.jpg"
        return None, [Problem(missing, "missing image", f"id {image_id}")]
    if not xml.is_file():
        return None, [Problem(xml, "missing annotation", f"id {image_id}")]
    try:
        annotation = parse_annotation(xml)
    except ValueError as error:
        return None, [Problem(xml, "bad annotation", str(error))]
    try:
        size, orientation = image_header(path)
    except UserError as error:
        return None, [Problem(path, "unreadable image", str(error))]

    problems = list(turn_problems(xml, path, orientation, size, annotation.size))
    if annotation.size is None:
        problems.append(Problem(xml, "no size", "taken from the image", Severity.WARNING))
    elif annotation.size != size and not problems:
        detail = f"XML says {_by(annotation.size)}, the image is {_by(size)}"
        problems.append(Problem(xml, "size mismatch", detail))

    index = {name: label for label, name in enumerate(classes)}
    keep, clipped = [], np.clip(annotation.boxes, 0, [size[0] - 1, size[1] - 1] * 2)
    for row, kind, detail, severity in _box_problems(annotation, clipped, size, index):
        if kind is None:
            keep.append(row)
        else:
            problems.append(Problem(xml, kind, f"object {row + 1}, {detail}", severity))
            if kind == "box over the edge":
                keep.append(row)
    labels = np.array([index[annotation.names[row]] for row in keep], dtype=np.int64)
    return (
        CheckedImage(image_id, path, size, clipped[keep], labels, annotation.difficult[keep]),
        problems,
    )


def _box_problems(
    annotation: Annotation, clipped: np.ndarray, size: tuple[int, int], index: dict[str, int]
) -> Iterator[tuple[int, str | None, str, Severity]]:
    """For each object its row, what is wrong with it (None: nothing), detail and severity."""
    for row, (name, box) in enumerate(zip(annotation.names, annotation.boxes, strict=True)):
        written = f"{name} at {', '.join(f'{c + 1:g}' for c in box)} in {_by(size)}"
        inverted = box[2] < box[0] or box[3] < box[1]
        outside = box[0] >= size[0] or box[1] >= size[1] or box[2] < 0 or box[3] < 0
        thin = (clipped[row, 2:] - clipped[row, :2]).min() < 1
        if name not in index:
            yield row, "unknown class", written, Severity.ERROR
        elif inverted:
            yield row, "inverted box", written, Severity.ERROR
        elif outside:
            yield row, "box outside the image", written, Severity.ERROR
        elif thin:
            yield row, "empty box", f"{written}, under a pixel: dropped", Severity.WARNING
        elif np.abs(clipped[row] - box).max() > 0:
            yield row, "box over the edge", f"{written}: clipped", Severity.WARNING
        else:
            yield row, None, "", Severity.WARNING


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
