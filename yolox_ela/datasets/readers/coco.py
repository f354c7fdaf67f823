"""COCO JSON: COCO's own layout, Roboflow's, CVAT's, Label Studio's and FiftyOne's.

A box is x, y, width, height in pixels counted from 0; its right edge is x + width, as YOLOX reads
it. Regions of many objects (`iscrowd`) are kept apart: evaluation ignores what lies in them, and
training leaves them out, as COCO and YOLOX do.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

from yolox_ela.datasets.checked import CheckedImage, StatedObjects, check_objects
from yolox_ela.datasets.problems import Problem, Severity
from yolox_ela.datasets.readers.coco_file import (
    CocoFile,
    identity,
    image_files,
    posix,
    short,
    stem_of,
)
from yolox_ela.datasets.readers.numbers import number_in_json, whole_number
from yolox_ela.datasets.readers.reader import ReadSet, sets_by_name, unknown_set
from yolox_ela.datasets.turned import turn_problems
from yolox_ela.errors import UserError
from yolox_ela.images.read import image_header

# Share of boxes that may reach beyond the image by over a pixel before their form is doubted.
BEYOND_THE_IMAGE = 0.2


class CocoReader:
    """Sets in COCO JSON files; see `Reader`.

    Args:
        root: the folder that the user named, or the one of the file.
        files: the JSON file of each set by the set's name.
        named: what the user named.
    """

    layout = "COCO JSON"
    headline = "ap50_95"
    fields: Mapping[str, str] = {}

    def __init__(self, root: Path, files: Mapping[str, CocoFile], named: Path) -> None:
        self.root, self.named, self.files = root, named, dict(files)

    def sets(self) -> list[str]:
        """See `Reader`."""
        return list(self.files)

    def default_sets(self) -> tuple[list[str], list[str]]:
        """See `Reader`; a list of images without annotations is not evaluated unless named."""
        annotated = [name for name, file in self.files.items() if file.annotated]
        return sets_by_name(annotated or list(self.files))

    def class_names(self, sets: Sequence[str]) -> tuple[str, ...]:
        """The categories of all files by their ids, without the group that Roboflow adds."""
        files = [self._file(name) for name in sets]
        names = list(dict.fromkeys(name for file in files for name in file.names.values()))
        used = set().union(*(file.used for file in self.files.values()))
        group = _roboflow_group(files, used)
        if group is not None:
            logger.info(
                "category 0 '{}' has no object in any set and is left out, since Roboflow adds "
                "such a group; to keep it, name it among the classes",
                group,
            )
            names.remove(group)
        return tuple(names)

    def read(self, name: str, classes: Sequence[str], *, ignore_others: bool = False) -> ReadSet:
        """See `Reader`."""
        file = self._file(name)
        labels = {unicodedata.normalize("NFC", text): at for at, text in enumerate(classes)}
        images: list[CheckedImage] = []
        problems = list(_file_problems(file))
        found = image_files(file)
        stems = Counter(stem_of(entry.get("file_name")) for entry in file.content["images"])
        seen: dict[Hashable, str] = {}
        ids: dict[str, Hashable] = {}
        for entry in file.content["images"]:
            key, file_name = identity(entry.get("id")), entry.get("file_name")
            if key is None or not isinstance(file_name, str) or not file_name:
                detail = f"an image needs an id and a file_name, not {short(entry)}"
                problems.append(Problem(file.path, "bad image entry", detail))
                continue
            image_id = stem_of(file_name)
            if stems[image_id] > 1:  # x.jpg and x.png
                image_id = posix(file_name).removeprefix("./")
            if key in seen or image_id in ids:
                detail = f"{file_name} (id {key}) and {seen.get(key, ids.get(image_id))}"
                problems.append(Problem(file.path, "two images for an id", detail))
                continue
            seen[key], ids[image_id] = file_name, key
            path = found.get(file_name)
            if path is None:
                where = ", ".join(str(folder) for folder in file.folders)
                detail = f"{file_name} is in none of {where}"
                problems.append(Problem(file.path, "missing image", detail))
                continue
            image, own = _check_image(
                file, key, image_id, path, entry, labels, ignore_others=ignore_others
            )
            problems += own
            if image is not None:
                images.append(image)
        numbers = {text: key for key, text in file.names.items() if isinstance(key, int)}
        return ReadSet(images, problems, file.annotated, numbers)

    def _file(self, name: str) -> CocoFile:
        if name not in self.files:
            raise unknown_set(name, self.sets(), self.root)
        return self.files[name]


def _file_problems(file: CocoFile) -> list[Problem]:
    """Annotations that belong to no image or class, are there twice, or do not look like COCO's."""
    problems = []
    images = {identity(entry.get("id")) for entry in file.content["images"]}
    for key, annotations in file.objects.items():
        if key not in images:
            first = annotations[0].get("id")
            detail = f"annotation {first} has image_id {key}, which no image has"
            problems.append(Problem(file.path, "annotation without image", detail))
    numbers = Counter(identity(a.get("id")) for a in file.content.get("annotations", []))
    repeated = [key for key, count in numbers.items() if count > 1 and key is not None]
    if repeated:
        detail = f"{len(repeated)} ids are those of several annotations, the first is {repeated[0]}"
        problems.append(Problem(file.path, "annotation id twice", detail, Severity.WARNING))
    if not file.content["images"]:
        problems.append(Problem(file.path, "empty set", "it lists no images"))
    beyond, boxes = _boxes_beyond(file)
    if beyond > max(1, BEYOND_THE_IMAGE * boxes):
        detail = (
            f"{beyond} of {boxes} boxes reach beyond their image: are they x1, y1, x2, y2? COCO's "
            "are x, y, width, height"
        )
        problems.append(Problem(file.path, "boxes of another form", detail))
    return problems


def _boxes_beyond(file: CocoFile) -> tuple[int, int]:
    """How many boxes end over a pixel beyond the width and height that are stated, of how many."""
    sizes = {
        identity(entry.get("id")): (entry.get("width"), entry.get("height"))
        for entry in file.content["images"]
    }
    beyond = boxes = 0
    for key, annotations in file.objects.items():
        width, height = map(number_in_json, sizes.get(key, (None, None)))
        for annotation in annotations:
            box = annotation.get("bbox")
            if isinstance(box, list) and len(box) == 4:
                x, y, w, h = map(number_in_json, box)
                boxes += 1
                beyond += x + w > width + 1 or y + h > height + 1
    return beyond, boxes


def _check_image(
    file: CocoFile,
    key: Hashable,
    image_id: str,
    path: Path,
    entry: Mapping[str, Any],
    labels: Mapping[str, int],
    *,
    ignore_others: bool,
) -> tuple[CheckedImage | None, list[Problem]]:
    """One image with its usable objects, and what is wrong with it."""
    try:
        size, orientation = image_header(path)
    except UserError as error:
        return None, [Problem(path, "unreadable image", str(error))]
    number = key if isinstance(key, int) else -1
    if not file.annotated:
        return CheckedImage.without_objects(image_id, path, size, number), []
    width, height = whole_number(entry.get("width")), whole_number(entry.get("height"))
    stated = (width, height) if width and height else None
    problems = list(turn_problems(file.path, path, orientation, size, stated))
    if stated is not None and stated != size and not problems:
        detail = (
            f"{path.name} is {size[0]}x{size[1]}, the file says {stated[0]}x{stated[1]}: one of "
            "the two may have been replaced"
        )
        problems.append(Problem(file.path, "size mismatch", detail))
    annotations = []
    for annotation in file.objects.get(key, []):
        fault = _fault(annotation, file.names)
        if not fault:
            annotations.append(annotation)
        else:
            detail = f"annotation {annotation.get('id')} of {path.name}: {fault}"
            problems.append(Problem(file.path, "bad annotation", detail))
    names = [file.names[identity(a["category_id"])] for a in annotations]
    corners = np.array([a["bbox"] for a in annotations], dtype=np.float64).reshape(-1, 4)
    sides = corners[:, 2:].copy()
    corners[:, 2:] += corners[:, :2]
    fractional = (corners % 1).any(axis=1) & (corners.max(axis=1, initial=0) <= 1)
    objects = StatedObjects(
        names,
        corners,
        [f"annotation {a.get('id')} of {path.name}" for a in annotations],
        [
            f"{name} at x {c[0]:g}, y {c[1]:g}, width {s[0]:g}, height {s[1]:g} in "
            f"{size[0]}x{size[1]}"
            for name, c, s in zip(names, corners, sides, strict=True)
        ],
        fractional & (sides.min(axis=1, initial=1) > 0),
    )
    keep, clipped, own = check_objects(
        file.path, objects, size, labels, ignore_others=ignore_others
    )
    return (
        CheckedImage(
            image_id,
            path,
            size,
            clipped[keep],
            np.array([labels[names[row]] for row in keep], dtype=np.int64),
            np.zeros(len(keep), bool),
            np.array([bool(annotations[row].get("iscrowd", 0)) for row in keep], dtype=bool),
            number=number,
        ),
        [*problems, *own],
    )


def _fault(annotation: Mapping[str, Any], names: Mapping[Hashable, str]) -> str:
    """Why an annotation is not understood; empty if it is."""
    category = identity(annotation.get("category_id"))
    if category not in names:
        return f"category_id {annotation.get('category_id')} is no category"
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or any(np.isnan(number_in_json(v)) for v in box):
        return f"its bbox is {short(box)}, not four numbers: x, y, width, height"
    if whole_number(annotation.get("iscrowd", 0)) not in (0, 1) and not isinstance(
        annotation.get("iscrowd"), bool
    ):
        return f"iscrowd is {short(annotation.get('iscrowd'))}, neither 0 nor 1"
    if annotation.get("ignore") not in (None, 0, False):
        return (
            f"ignore is {short(annotation.get('ignore'))}, which is not understood: set iscrowd "
            "to 1 for what evaluation is to ignore, or take the annotation out"
        )
    attributes = annotation.get("attributes")
    if isinstance(attributes, dict) and number_in_json(attributes.get("rotation", 0)) != 0:
        return "its box is rotated: give it the upright box around it"
    return ""


def _roboflow_group(files: Sequence[CocoFile], used: set[str]) -> str | None:
    """The name of a category 0 that stands for a group of the others and has no object at all."""
    names = {file.names[0] for file in files if 0 in file.names}
    if len(names) != 1 or not all(len(file.names) > 1 for file in files):
        return None
    (name,) = names
    return None if name in used else name
