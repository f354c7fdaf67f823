"""YOLO txt: a text file for each image, and a data.yaml with the names of the classes.

A line is the class's number and centre x, centre y, width and height as shares of the upright
image, or the corners of a polygon, whose bounding box is taken. An image without a text file, or
with an empty one, has no objects.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from loguru import logger

from yolox_ela.datasets.checked import CheckedImage, StatedObjects, check_objects
from yolox_ela.datasets.lists import composed
from yolox_ela.datasets.problems import Problem, Severity
from yolox_ela.datasets.readers.numbers import number_in_text
from yolox_ela.datasets.readers.reader import ReadSet, sets_by_name, unknown_set
from yolox_ela.datasets.readers.yolo_yaml import (
    YoloYaml,
    images_in,
    looks_like_yolo,
    read_yolo_yaml,
)
from yolox_ela.errors import UserError
from yolox_ela.images.read import image_header
from yolox_ela.system.files import exists, is_file, is_folder, read_bytes

# Values of a line may be this far beyond 0 and 1, as tools round them; others are no shares.
ROUNDING = 0.01


class YoloReader:
    """Sets of a data.yaml; see `Reader`.

    Args:
        root: the folder that the user named, or the one of the file.
        yaml: the data.yaml.
    """

    layout = "YOLO txt"
    headline = "ap50_95"
    fields: Mapping[str, str] = {}

    def __init__(self, root: Path, yaml: YoloYaml) -> None:
        self.root, self.yaml = root, yaml
        self.named = yaml.path

    def sets(self) -> list[str]:
        """See `Reader`."""
        return list(self.yaml.sets)

    def default_sets(self) -> tuple[list[str], list[str]]:
        """See `Reader`; a test set whose folder is missing gives way to val."""
        there = []
        for name in self.sets():
            missing = [place for place in self.yaml.places(name) if not exists(place)]
            if not missing:
                there.append(name)
            elif name == "test" and "val" in self.yaml.sets:
                logger.warning("{}: {} is missing: val is evaluated", self.yaml.path, missing[0])
        train, test = sets_by_name(there)
        # Where a folder is missing, the error of reading it names it.
        if not train and "train" in self.yaml.sets:
            train = ["train"]
        if not test:
            test = [str(name) for name in ("test", "val") if name in self.yaml.sets][:1]
        return train, test

    def class_names(self, sets: Sequence[str]) -> tuple[str, ...]:
        """The names of the data.yaml, in its order."""
        return self.yaml.names

    def read(self, name: str, classes: Sequence[str], *, ignore_others: bool = False) -> ReadSet:
        """See `Reader`."""
        if name not in self.yaml.sets:
            raise unknown_set(name, self.sets(), self.root)
        places = self.yaml.places(name)
        labels = {composed(text): at for at, text in enumerate(classes)}
        try:
            paths = images_in(places)
        except UserError as error:
            raise UserError(f"{self.yaml.path}: {name}: {error}") from error
        images: list[CheckedImage] = []
        problems: list[Problem] = []
        ids: dict[str, Path] = {}
        annotated = False
        for path, image_id in zip(paths, _image_ids(paths), strict=True):
            if image_id in ids:
                detail = f"{ids[image_id].name} has the same label file"
                problems.append(Problem(path, "two images for an id", detail))
                continue
            ids[image_id] = path
            text = label_file(path)
            annotated |= is_file(text)
            image, own = self._check_image(path, image_id, text, labels, ignore_others)
            problems += own
            if image is not None:
                images.append(image)
        if not paths:
            problems.append(Problem(self.yaml.path, "empty set", f"{name} has no images"))
        problems += _labels_without_image(paths)
        expected = f" (that of {paths[0].name} would be {label_file(paths[0])})" if paths else ""
        return ReadSet(images, problems, annotated=annotated or not paths, expected=expected)

    def _check_image(
        self,
        path: Path,
        image_id: str,
        text: Path,
        labels: Mapping[str, int],
        ignore_others: bool,
    ) -> tuple[CheckedImage | None, list[Problem]]:
        """One image with its usable objects, and what is wrong with it."""
        try:
            size, orientation = image_header(path)
        except UserError as error:
            return None, [Problem(path, "unreadable image", str(error))]
        problems = []
        if orientation != 1:
            detail = (
                f"EXIF orientation {orientation}: it is read upright, and its boxes are taken to "
                "be shares of the upright image, as labelling tools write them"
            )
            problems.append(Problem(path, "turned by EXIF", detail, Severity.WARNING))
        if not is_file(text):
            return CheckedImage.without_objects(image_id, path, size), problems
        try:
            lines = read_bytes(text).decode("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            return None, [*problems, Problem(text, "bad annotation", f"no UTF-8 text: {error}")]
        names, boxes, numbers, written = [], [], [], []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                name, box = self._object(line)
            except ValueError as error:
                detail = f"line {number}: {error}"
                problems.append(Problem(text, "bad annotation", detail))
                continue
            names.append(name)
            boxes.append(box)
            numbers.append(number)
            written.append(line.strip()[:80])
        shares = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        stated = StatedObjects(
            names,
            shares * [size[0], size[1], size[0], size[1]],
            [f"line {number}" for number in numbers],
            [f"{name}: {text}" for name, text in zip(names, written, strict=True)],
        )
        keep, clipped, own = check_objects(text, stated, size, labels, ignore_others=ignore_others)
        none = np.zeros(len(keep), bool)
        return (
            CheckedImage(
                image_id,
                path,
                size,
                clipped[keep],
                np.array([labels[names[row]] for row in keep], dtype=np.int64),
                none,
                none,
            ),
            [*problems, *own],
        )

    def _object(self, line: str) -> tuple[str, list[float]]:
        """Class name of a line, and x1, y1, x2, y2 as shares of the image.

        Raises:
            ValueError: it is not understood.
        """
        values = [number_in_text(word) for word in line.split()]
        if any(np.isnan(values)):
            raise ValueError(f"'{line.strip()[:80]}' is not a class's number and shares")
        if values[0] < 0 or values[0] % 1:
            raise ValueError(f"class {line.split()[0]} is no class's number")
        if values[0] >= len(self.yaml.names):
            raise ValueError(
                f"class {int(values[0])} is not among the {len(self.yaml.names)} names of "
                f"{self.yaml.path.name}, which are numbered 0 to {len(self.yaml.names) - 1}"
            )
        rest = np.array(values[1:])
        lowest = rest.min(initial=0)
        if len(rest) - self.yaml.keypoints == 4:
            rest = rest[:4]
            lowest = rest[:2].min()  # a negative side is reported as an inverted box
            x, y, width, height = rest.tolist()
            box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        elif len(rest) == 5:
            raise ValueError(
                "six numbers: the sixth looks like a score, and these like detections instead of "
                "annotations"
            )
        elif self.yaml.keypoints == 0 and len(rest) >= 6 and len(rest) % 2 == 0:
            xs, ys = rest[0::2], rest[1::2]
            box = [xs.min(), ys.min(), xs.max(), ys.max()]
        else:
            raise ValueError(f"{len(values)} numbers; a box has 5, a polygon 7, 9, 11 ...")
        if rest.max() > 1 + ROUNDING or lowest < -ROUNDING:
            raise ValueError(
                f"'{line.strip()[:80]}' has values beyond 0 to 1: coordinates must be shares of "
                "the image's width and height, not pixels"
            )
        return self.yaml.names[int(values[0])], box


def find_yolo(root: Path) -> YoloReader | None:
    """The sets of a data.yaml in a folder, or of the file itself; None if there is none.

    Raises:
        UserError: the file cannot be used, or there are several.
    """
    if is_file(root):
        return YoloReader(root.parent, read_yolo_yaml(root))
    files = sorted(path for kind in ("*.yaml", "*.yml") for path in root.glob(kind))
    files = [path for path in files if looks_like_yolo(path)]
    preferred = [path for path in files if path.stem in ("data", "dataset")]
    if len(files) > 1 and len(preferred) != 1:
        raise UserError(
            f"{root} has several data sets: {', '.join(p.name for p in files)}; name one of these "
            f"files, as in --data {files[0]}"
        )
    found = preferred or files
    return YoloReader(root, read_yolo_yaml(found[0])) if found else None


def label_file(image: Path) -> Path:
    """The text file of an image: under labels/ where the image is under images/, or beside it."""
    parts = list(image.parent.parts)
    beside = image.with_suffix(".txt")
    if "images" not in parts:
        return beside
    last = len(parts) - 1 - parts[::-1].index("images")
    parts[last] = "labels"
    mirrored = Path(*parts) / beside.name
    return beside if is_file(beside) and not is_file(mirrored) else mirrored


def _image_ids(paths: Sequence[Path]) -> list[str]:
    """Each image's path below the folder that holds all of them, without its suffix."""
    if not paths:
        return []
    home = Path(os.path.commonpath([path.parent for path in paths]))
    return [composed(path.relative_to(home).with_suffix("").as_posix()) for path in paths]


def _labels_without_image(paths: Sequence[Path]) -> list[Problem]:
    """Label files of the set's folders that belong to none of its images."""
    wanted = {label_file(path) for path in paths}
    folders = {path.parent for path in wanted}
    orphans = [
        text
        for folder in sorted(folders)
        if is_folder(folder) and folder.name != "images"
        for text in sorted(folder.glob("*.txt"))
        if text not in wanted and not _is_list(text)
    ]
    if not orphans:
        return []
    detail = f"{len(orphans)} label files belong to no image of the set"
    return [Problem(orphans[0], "label without image", detail, Severity.WARNING)]


def _is_list(text: Path) -> bool:
    """Whether a text file is no label: lists of classes, or of images."""
    return text.name in (
        "classes.txt",
        "train.txt",
        "val.txt",
        "valid.txt",
        "test.txt",
        "notes.txt",
    )
