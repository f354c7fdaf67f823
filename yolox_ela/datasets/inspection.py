"""Inspecting a set of images and annotations on disk, with all its problems."""

import difflib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolox_ela.datasets.annotation import Annotation, parse_annotation
from yolox_ela.datasets.layout import PARTS, PICTURES, find_voc_folder
from yolox_ela.datasets.lists import FilesById, read_split, without_suffix
from yolox_ela.datasets.names import parse_set
from yolox_ela.datasets.problems import Problem, Severity
from yolox_ela.datasets.turned import turn_problems
from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES, image_header

# Share of a set's boxes that may begin at 0 (or one box) without a warning about its numbering.
COUNTED_FROM_0 = 0.01


@dataclass(frozen=True)
class CheckedImage:
    """An image whose annotation was checked.

    Attributes:
        id: the image's id, as in split files.
        path: the image file.
        size: width and height in pixels.
        boxes: (N, 4) float64, in pixels counted from 0, clipped to the image.
        labels: (N,) int64 class indices.
        difficult: (N,) bool.
        at_zero: number of boxes that begin at 0 in the XML, where VOC counts from 1.
    """

    id: str
    path: Path
    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    at_zero: int = 0


@dataclass(frozen=True)
class _SetFiles:
    """The files of a set: its year's folder, the ids of its split file, images and annotations."""

    folder: Path
    ids: list[str]
    images: FilesById
    annotations: FilesById

    @property
    def is_annotated(self) -> bool:
        return any(image_id in self.annotations for image_id in self.ids)


def inspect_set(
    root: Path, entry: str, classes: Sequence[str]
) -> tuple[list[CheckedImage], list[Problem]]:
    """The images of a set with their annotations, and every problem that shows without decoding.

    Args:
        root: a VOCdevkit, the folder that holds one, or a single folder in VOC layout.
        entry: the set's name, `year/split`.
        classes: the class names; labels are indices into them.

    Returns:
        The images that have an annotation, and the problems found.

    Raises:
        UserError: the set does not exist.
    """
    files, problems = _find_files(root, entry, PARTS)
    place = files.folder / "Annotations"
    if not files.is_annotated and any(image_id in files.images for image_id in files.ids):
        detail = (
            f"none of the {len(files.ids)} images of {entry} has one: eval.py --save-detections "
            "can detect on it, but nothing can be trained on or scored"
        )
        return [], [*problems, Problem(place, "missing annotation", detail)]
    labels = {unicodedata.normalize("NFC", name): label for label, name in enumerate(classes)}
    images = []
    for image_id in files.ids:
        image, found = _check_image(files, image_id, labels)
        problems += found
        if image is not None:
            images.append(image)
    return images, [*problems, *_set_problems(place, entry, images)]


def inspect_pictures(root: Path, entry: str) -> tuple[list[CheckedImage], list[Problem]] | None:
    """The images of a set without annotations, and every problem that shows without decoding.

    Returns:
        The images, without objects, and the problems; None if an image has an annotation.

    Raises:
        UserError: the set does not exist.
    """
    files, problems = _find_files(root, entry, PICTURES)
    if files.is_annotated:
        return None
    images = []
    boxes, labels, difficult = np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool)
    for image_id in files.ids:
        found = _find_image(files, image_id)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            images.append(CheckedImage(image_id, *found[:2], boxes, labels, difficult))
    return images, problems


def _find_files(root: Path, entry: str, parts: Sequence[str]) -> tuple[_SetFiles, list[Problem]]:
    """The files of a set, and the problems of its split file."""
    year, split = parse_set(entry)
    folder = find_voc_folder(root, year, parts)
    images = FilesById(folder / "JPEGImages", IMAGE_SUFFIXES)
    ids, problems = read_split(folder, year, split, images)
    return _SetFiles(folder, ids, images, FilesById(folder / "Annotations", (".xml",))), problems


def _find_image(files: _SetFiles, image_id: str) -> tuple[Path, tuple[int, int], int] | Problem:
    """Image file of an id, its upright size and EXIF orientation; a Problem if there is none."""
    paths = files.images.find(image_id)
    if not paths:
        near = files.images.nearest(image_id)
        hint = f"; there is {near}: one id a line, spelled as the file" if near else ""
        missing = files.folder / "JPEGImages" / f"{without_suffix(image_id)}.jpg"
        return Problem(missing, "missing image", f"id {image_id}{hint}")
    if len(paths) > 1:
        return Problem(paths[1], "two images for an id", f"{paths[0].name} has the same id")
    try:
        return (paths[0], *image_header(paths[0]))
    except UserError as error:
        return Problem(paths[0], "unreadable image", str(error))


def _check_image(
    files: _SetFiles, image_id: str, labels: Mapping[str, int]
) -> tuple[CheckedImage | None, list[Problem]]:
    """Check an image and its annotation without decoding the image.

    Returns:
        The image with its usable objects, or None if it has no image or no annotation; and the
        problems found.
    """
    image = _find_image(files, image_id)
    if isinstance(image, Problem):
        return None, [image]
    path, size, orientation = image
    xmls = files.annotations.find(image_id)
    if len(xmls) != 1:
        xml = xmls[1] if xmls else files.folder / "Annotations" / f"{image_id}.xml"
        what = "two annotations for an id" if xmls else "missing annotation"
        return None, [Problem(xml, what, f"id {image_id}")]
    xml = xmls[0]
    try:
        annotation = parse_annotation(xml)
    except (ValueError, OSError) as error:
        return None, [Problem(xml, "bad annotation", str(error))]

    problems = list(turn_problems(xml, path, orientation, size, annotation.size))
    if annotation.size is None:
        problems.append(Problem(xml, "no size", "taken from the image", Severity.WARNING))
    elif annotation.size != size and not problems:
        detail = (
            f"XML says {_by(annotation.size)}, the image is {_by(size)}: one of the two may have "
            "been replaced"
        )
        problems.append(Problem(xml, "size mismatch", detail))
    other = without_suffix(annotation.filename.replace("\\", "/").rpartition("/")[2])
    if other not in ("", path.stem) and _beside(image_id, other) in files.images:
        detail = f"<filename> is {annotation.filename}, an image of its own; read for {path.name}"
        problems.append(Problem(xml, "another image's name", detail, Severity.WARNING))

    keep, clipped = [], np.clip(annotation.boxes, 0, [size[0] - 1, size[1] - 1] * 2)
    for row, kind, detail, severity in _box_problems(annotation, clipped, size, labels):
        if kind is None:
            keep.append(row)
        else:
            problems.append(Problem(xml, kind, f"object {row + 1}, {detail}", severity))
            if kind == "box over the edge":
                keep.append(row)
    return (
        CheckedImage(
            image_id,
            path,
            size,
            clipped[keep],
            np.array([labels[annotation.names[row]] for row in keep], dtype=np.int64),
            annotation.difficult[keep],
            int((annotation.boxes[keep, :2] == -1).any(axis=1).sum()),
        ),
        problems,
    )


def _box_problems(
    annotation: Annotation,
    clipped: np.ndarray,
    size: tuple[int, int],
    labels: Mapping[str, int],
) -> Iterator[tuple[int, str | None, str, Severity]]:
    """For each object its row, the kind of its problem (None for none), detail and severity."""
    for row, (name, box) in enumerate(zip(annotation.names, annotation.boxes, strict=True)):
        inverted = box[2] < box[0] or box[3] < box[1]
        outside = box[0] >= size[0] or box[1] >= size[1] or box[2] < 0 or box[3] < 0
        thin = (clipped[row, 2:] - clipped[row, :2]).min() < 1
        over = np.abs(clipped[row] - box).max() > 0
        if name in labels and not (inverted or outside or thin or over):
            yield row, None, "", Severity.WARNING
            continue
        written = f"{name} at {', '.join(f'{c + 1:g}' for c in box)} in {_by(size)}"
        if name not in labels:
            yield row, "unknown class", written + _meant(name, labels), Severity.ERROR
        elif inverted:
            yield row, "inverted box", written, Severity.ERROR
        elif box.max() <= 0 and (box % 1).any():
            yield row, "box not in pixels", f"{written}: a share of the image?", Severity.ERROR
        elif outside:
            yield row, "box outside the image", written, Severity.ERROR
        elif thin:
            yield row, "empty box", f"{written}, under a pixel: dropped", Severity.WARNING
        else:
            yield row, "box over the edge", f"{written}: clipped", Severity.WARNING


def _meant(name: str, labels: Mapping[str, int]) -> str:
    """A question that suggests the class with the most similar name; empty if none is similar."""
    spellings = {known.casefold(): known for known in labels}
    near = difflib.get_close_matches(name.casefold(), spellings, n=1, cutoff=0.8)
    return f"; did you mean {spellings[near[0]]}?" if near else ""


def _set_problems(place: Path, entry: str, images: Sequence[CheckedImage]) -> Iterator[Problem]:
    """Problems of all images of a set together."""
    objects = sum(len(image.labels) for image in images)
    if images and not objects:
        detail = f"no image of {entry} has any: there is nothing to learn or to score in it"
        yield Problem(place, "no objects", detail, Severity.WARNING)
    if objects and all(image.difficult.all() for image in images):
        detail = (
            f"every object of {entry} is marked as difficult: training uses them, evaluation "
            "ignores them and has nothing to score"
        )
        yield Problem(place, "all difficult", detail, Severity.WARNING)
    at_zero = sum(image.at_zero for image in images)
    if at_zero > max(1, COUNTED_FROM_0 * objects):
        detail = (
            f"{at_zero} of {objects} boxes of {entry} begin at 0, where VOC's numbers begin at 1: "
            "if they count from 0, add 1 to all of them, or all boxes lie a pixel too far left "
            "and up"
        )
        yield Problem(place, "counted from 0", detail, Severity.WARNING)


def _beside(image_id: str, name: str) -> str:
    """The id of another image in the same folder."""
    folder, slash, _ = image_id.rpartition("/")
    return f"{folder}{slash}{name}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
