"""A set of images with VOC's XML: its files, read and checked.

Boxes are the XML's numbers, which count from 1 as a rule, less 1.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from loguru import logger

from yolox_ela.datasets.annotation import parse_annotation
from yolox_ela.datasets.checked import CheckedImage, StatedObjects, check_objects
from yolox_ela.datasets.lists import FilesById, without_suffix
from yolox_ela.datasets.problems import Problem, Severity
from yolox_ela.datasets.readers.reader import ReadSet
from yolox_ela.datasets.turned import turn_problems
from yolox_ela.errors import UserError
from yolox_ela.images.read import image_header

# Share of a set's boxes that may begin at 0 before its numbering is doubted, or one box.
COUNTED_FROM_0 = 0.01


@dataclass(frozen=True)
class XmlSet:
    """The files of a set.

    Attributes:
        entry: the set's name.
        ids: the ids of its images, in their order.
        images: its image files.
        annotations: its XML files.
        counts_from: the number of the first column and row of pixels in them, 1 or 0.
    """

    entry: str
    ids: list[str]
    images: FilesById
    annotations: FilesById
    counts_from: int = 1

    @property
    def is_annotated(self) -> bool:
        """Whether any of the images has an annotation."""
        return any(image_id in self.annotations for image_id in self.ids)


def read_pictures(files: XmlSet, problems: list[Problem]) -> ReadSet:
    """A set without annotations, as VOC2012's test set: its images, none with objects."""
    images = []
    for image_id in files.ids:
        found = _find_image(files, image_id)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            images.append(CheckedImage.without_objects(image_id, *found[:2]))
    return ReadSet(images, problems, annotated=False)


def read_annotated(
    files: XmlSet, problems: list[Problem], classes: Sequence[str], *, ignore_others: bool
) -> ReadSet:
    """A set with annotations; see `Reader.read`. Its problems are added to those of its list."""
    labels = {unicodedata.normalize("NFC", name): label for label, name in enumerate(classes)}
    images = []
    for image_id in files.ids:
        image, found = _check_image(files, image_id, labels, ignore_others=ignore_others)
        problems += found
        if image is not None:
            images.append(image)
    problems += _set_problems(files, images)
    return ReadSet(images, problems)


def xml_fields(counts_from: int) -> Mapping[str, str]:
    """See `Reader.fields`."""
    return {} if counts_from == 1 else {"xml_counts_from": str(counts_from)}


def xml_files(files: XmlSet) -> Iterator[Path]:
    """The annotations of the set's images."""
    for image_id in files.ids:
        yield from files.annotations.find(image_id)


def names_in(path: Path) -> tuple[str, ...]:
    """The class names of an XML file; none where it cannot be read, which is reported later."""
    try:
        return parse_annotation(path).names
    except (ValueError, OSError):
        return ()


def sorted_names(files: Sequence[XmlSet]) -> tuple[str, ...]:
    """All class names of some sets."""
    paths = [path for of_set in files for path in xml_files(of_set)]
    counts = Counter(name for path in paths for name in names_in(path))
    _warn_of_spellings(counts)
    return tuple(sorted(counts))


def _warn_of_spellings(counts: Counter[str]) -> None:
    """Names that differ only by capital letters and separators are one class as a rule."""
    first: dict[str, str] = {}
    for name in sorted(counts):
        plain = "".join(letter for letter in name.casefold() if letter not in " -_")
        other = first.setdefault(plain, name)
        if other != name:
            logger.warning(
                "'{}' and '{}' are taken as two classes: if they are one, rename the rarer in the "
                "XML",
                other,
                name,
            )


def _find_image(files: XmlSet, image_id: str) -> tuple[Path, tuple[int, int], int] | Problem:
    """Image file of an id, its upright size and its EXIF orientation, or why there is none."""
    paths = files.images.find(image_id)
    if not paths:
        near = files.images.nearest(image_id)
        hint = f"; there is {near}: one id a line, spelled as the file" if near else ""
        missing = files.images.folder / f"{without_suffix(image_id)}.jpg"
        return Problem(missing, "missing image", f"id {image_id}{hint}")
    if len(paths) > 1:
        return Problem(paths[1], "two images for an id", f"{paths[0].name} has the same id")
    try:
        return (paths[0], *image_header(paths[0]))
    except UserError as error:
        return Problem(paths[0], "unreadable image", str(error))


def _check_image(
    files: XmlSet, image_id: str, labels: Mapping[str, int], *, ignore_others: bool
) -> tuple[CheckedImage | None, list[Problem]]:
    """Everything about one image that can be told without decoding it.

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
        xml = xmls[1] if xmls else files.annotations.folder / f"{image_id}.xml"
        what = "two annotations for an id" if xmls else "missing annotation"
        return None, [Problem(xml, what, f"id {image_id}")]
    xml = xmls[0]
    try:
        annotation = parse_annotation(xml, files.counts_from)
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

    boxes = annotation.boxes
    stated = StatedObjects(
        annotation.names,
        boxes,
        [f"object {row + 1}" for row in range(len(boxes))],
        [
            f"{name} at {', '.join(f'{corner:g}' for corner in box)} in {_by(size)}"
            for name, box in zip(annotation.names, boxes + files.counts_from, strict=True)
        ],
        (boxes.max(axis=1, initial=-1) <= 0) & (boxes % 1).any(axis=1),
    )
    keep, clipped, found = check_objects(
        xml, stated, size, labels, counts_pixels=True, ignore_others=ignore_others
    )
    return (
        CheckedImage(
            image_id,
            path,
            size,
            clipped[keep],
            np.array([labels[annotation.names[row]] for row in keep], dtype=np.int64),
            annotation.difficult[keep],
            np.zeros(len(keep), bool),
            int((boxes[keep, :2] == -1).any(axis=1).sum()) if files.counts_from else 0,
        ),
        [*problems, *found],
    )


def _set_problems(files: XmlSet, images: Sequence[CheckedImage]) -> Iterator[Problem]:
    """What shows in all images of a set together."""
    place, entry = files.annotations.folder, files.entry
    objects = sum(len(image.labels) for image in images)
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
            "if they count from 0, add xml_counts_from 0, or all boxes lie a pixel too far left "
            "and up"
        )
        yield Problem(place, "counted from 0", detail, Severity.WARNING)


def _beside(image_id: str, name: str) -> str:
    """The id of another image in the same folder."""
    folder, slash, _ = image_id.rpartition("/")
    return f"{folder}{slash}{name}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
