"""Pascal VOC in memory: folders, split files, annotations, and a set as flat arrays.

Boxes are x1, y1, x2, y2 in pixels counted from 0: the XML's numbers, which count from 1, less 1.
"""

import hashlib
import math
import re
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from loguru import logger

from yolox_ela.data.image import image_size
from yolox_ela.data.problems import Problem, Severity, format_problems
from yolox_ela.errors import UserError
from yolox_ela.recipe import parse_set

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
PARTS = ("Annotations", "ImageSets", "JPEGImages")


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


@dataclass(frozen=True)
class VocSplit:
    """A set of annotated images as flat arrays, which worker processes share without copying.

    Attributes:
        classes: names of the labels.
        ids: (I,) image ids, as in the split files.
        paths: (I,) image files.
        sizes: (I, 2) int32 width and height.
        offsets: (I + 1,) int64; the objects of image i are rows offsets[i]:offsets[i + 1].
        boxes: (M, 4) float32, inside their image.
        labels: (M,) int64 index into `classes`.
        difficult: (M,) bool; ignored by VOC's evaluation.
    """

    classes: tuple[str, ...]
    ids: np.ndarray
    paths: np.ndarray
    sizes: np.ndarray
    offsets: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def objects(self, index: int) -> slice:
        """The rows of an image's objects in `boxes`, `labels` and `difficult`."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def fingerprint(self) -> str:
        """Hash of ids, sizes and objects, to tell whether data changed under a run."""
        digest = hashlib.sha256("\n".join(self.ids.tolist()).encode())
        for array in (self.sizes, self.offsets, self.boxes, self.labels, self.difficult):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def subset(self, keep: Sequence[int]) -> "VocSplit":
        """The images at these positions, in this order."""
        none = np.zeros(0, dtype=np.int64)
        rows = np.concatenate(
            [none, *(np.arange(self.offsets[i], self.offsets[i + 1]) for i in keep)]
        )
        counts = np.diff(self.offsets)[list(keep)]
        return VocSplit(
            self.classes,
            self.ids[list(keep)],
            self.paths[list(keep)],
            self.sizes[list(keep)],
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            self.boxes[rows],
            self.labels[rows],
            self.difficult[rows],
        )

    def subset_of_ids(self, ids: Sequence[str]) -> "VocSplit":
        """The images with these ids, in the split's order.

        Raises:
            UserError: an id is not in the split.
        """
        unknown = sorted(set(ids) - set(self.ids.tolist()))
        if unknown:
            raise UserError(f"{len(unknown)} image ids are not in the set (first: {unknown[0]})")
        return self.subset(np.flatnonzero(np.isin(self.ids, list(ids))).tolist())


def load_split(root: Path, sets: Sequence[str], classes: Sequence[str]) -> VocSplit:
    """Read the annotations of one or more sets, checking everything short of decoding images.

    Args:
        root: a VOCdevkit, the folder that holds one, or a single VOC-layout folder.
        sets: `year/split` entries.
        classes: the class names that labels index.

    Raises:
        UserError: something is missing, or training on it would be wrong; lists the files.
    """
    images: list[CheckedImage] = []
    problems: list[Problem] = []
    seen: dict[Path, str] = {}
    for entry in sets:
        year, split = parse_set(entry)
        folder = find_voc_folder(root, year)
        ids, found = read_image_ids(folder, split)
        problems += found
        files, found = image_files(folder)
        problems += found
        for image_id in ids:
            image, found = check_image(folder, files, image_id, classes)
            problems += found
            if image is None:
                continue
            images.append(image)
            if image.path in seen:
                detail = f"in {seen[image.path]} and in {entry}"
                problems.append(Problem(image.path, "image in two sets", detail))
            seen[image.path] = entry
    report = f"python tools/dataset.py check --data {shlex.quote(str(root))} --sets " + " ".join(
        sets
    )
    errors = [p for p in problems if p.severity is Severity.ERROR]
    if errors:
        raise UserError(
            f"{len(errors)} problems in {' + '.join(sets)} under {root}:\n"
            f"{format_problems(errors[:10])}\nmend or remove these files; the whole list: {report}"
        )
    if problems:
        logger.warning(
            "{} harmless oddities in {} (boxes clipped or dropped); see {}",
            len(problems),
            " + ".join(sets),
            report,
        )
    if not images:
        raise UserError(f"no images in {' + '.join(sets)} under {root}")
    counts = [len(image.labels) for image in images]
    return VocSplit(
        classes=tuple(classes),
        ids=np.array([image.id for image in images]),
        paths=np.array([str(image.path) for image in images]),
        sizes=np.array([image.size for image in images], dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        boxes=np.concatenate([image.boxes for image in images]).astype(np.float32),
        labels=np.concatenate([image.labels for image in images]),
        difficult=np.concatenate([image.difficult for image in images]),
    )


def require_disjoint(train_split: VocSplit, test_split: VocSplit) -> None:
    """Raise UserError if images are trained on and evaluated on, which makes scores worthless."""
    shared = np.intersect1d(train_split.paths, test_split.paths)
    if len(shared):
        raise UserError(
            f"{len(shared)} images are in the sets to train on and to evaluate on (first: "
            f"{shared[0]}); take them out of one of the split files"
        )


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
    for number, line in enumerate(_read_lines(path), 1):
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


def read_id_list(path: Path) -> list[str]:
    """Image ids from a text file, the first word of each line.

    Raises:
        UserError: there is no such file, or it names no image.
    """
    if not path.is_file():
        raise UserError(f"no list of image ids at {path}")
    ids = [words[0] for line in _read_lines(path) if (words := line.split())]
    if not ids:
        raise UserError(f"{path} names no image ids")
    return ids


def _read_lines(path: Path) -> list[str]:
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


@dataclass(frozen=True)
class CheckedImage:
    """An image whose annotation was checked; boxes are clipped to it."""

    id: str
    path: Path
    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray


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
        size = image_size(path)
    except UserError as error:
        return None, [Problem(path, "unreadable image", str(error))]

    problems = []
    if annotation.size is None:
        problems.append(Problem(xml, "no size", "taken from the image", Severity.WARNING))
    elif annotation.size != size:
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


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
