"""The data.yaml of a YOLO data set: class names, and where the images of each set are."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from yolox_ela.datasets.lists import read_lines
from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES
from yolox_ela.schema import shown
from yolox_ela.system.files import exists, is_file, is_folder, read_bytes

SETS = ("train", "val", "test")
KEYPOINTS = re.compile("[0-9]{1,4}")


@dataclass(frozen=True)
class YoloYaml:
    """What a data.yaml says.

    Attributes:
        path: the file.
        names: class names in the order of their numbers.
        sets: the texts behind `train`, `val` and `test`, as far as there are any.
        base: the folder that `path` names, or else the file's own.
        keypoints: numbers behind the four of a box, for data sets of poses; 0 otherwise.
    """

    path: Path
    names: tuple[str, ...]
    sets: dict[str, list[str]]
    base: Path
    keypoints: int = 0

    def places(self, name: str) -> list[Path]:
        """The folders, or lists of images, of a set; they need not exist."""
        return [self._place(text) for text in self.sets[name]]

    def _place(self, text: str) -> Path:
        """A path of the file: from `path`, or from the file's own folder.

        Roboflow writes ../train/images where train/ lies beside the file.
        """
        text = text.replace("\\", "/")
        candidates = [self.base / text, self.path.parent / text]
        if text.startswith("../"):
            candidates += [self.base / text[3:], self.path.parent / text[3:]]
        return next((place for place in candidates if exists(place)), candidates[0])


def read_yolo_yaml(path: Path) -> YoloYaml:
    """Read a data.yaml.

    Every value is taken as it is written: a class called `no` or `1.0` keeps its name.

    Raises:
        UserError: it is not YAML, or names no classes or no images.
    """
    content = _content(path)
    if "names" not in content:
        raise UserError(f"{path} has no names: list the classes, as in names: [cat, dog]")
    names = _names(content["names"], path)
    count = content.get("nc")
    if count not in (None, "", str(len(names))):
        said = count if isinstance(count, str) else shown(count)
        raise UserError(f"{path} says nc: {said}, but names {len(names)} classes")
    sets = {}
    for name, value in (("train", content.get("train")), ("val", _validation(content))):
        sets[name] = _texts(value, name, path)
    sets["test"] = _texts(content.get("test"), "test", path)
    sets = {name: texts for name, texts in sets.items() if texts}
    if not sets:
        raise UserError(f"{path} names no images: give the folders of train, val or test")
    base = path.parent / _folder(content.get("path"), path)
    return YoloYaml(
        path,
        names,
        sets,
        base if is_folder(base) else path.parent,
        _keypoints(content.get("kpt_shape"), path),
    )


def looks_like_yolo(path: Path) -> bool:
    """Whether a YAML file has class names and at least one set of images."""
    try:
        content = _content(path)
    except UserError:
        return False
    return "names" in content and any(content.get(name) for name in (*SETS, "valid"))


def images_in(places: Sequence[Path]) -> list[Path]:
    """The images of folders, subfolders included, and of lists of paths; each once, in order.

    Raises:
        UserError: a place does not exist, or is neither.
    """
    images: list[Path] = []
    for place in places:
        if is_folder(place):
            images += _images_below(place)
        elif is_file(place) and place.suffix.lower() == ".txt":
            lines = [line.replace("\\", "/") for line in read_lines(place) if line]
            images += [_listed(line, place.parent) for line in lines]
        else:
            what = "is no folder and no list of images (.txt)" if exists(place) else "is missing"
            raise UserError(f"{place} {what}")
    return list(dict.fromkeys(images))


def _images_below(folder: Path) -> list[Path]:
    """The images of a folder and its subfolders, those behind links included, sorted."""
    found: list[Path] = []
    visited: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in visited:  # a link back to a folder above would never end
            folders.clear()
            continue
        visited.add(real)
        paths = (Path(place, name) for name in files if not name.startswith("."))
        found += [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(found)


def _listed(line: str, folder: Path) -> Path:
    """An image of a list, whose paths count from the list's folder or, as Darknet's, one above."""
    candidates = [folder / line, folder.parent / line]
    if line.startswith(f"{folder.name}/"):
        candidates.append(folder / line.partition("/")[2])
    return next((path for path in candidates if is_file(path)), candidates[0])


def _content(path: Path) -> dict[str, Any]:
    """A YAML file's entries, every value a text."""
    try:
        content = yaml.load(read_bytes(path).decode("utf-8-sig"), Loader=yaml.BaseLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no data.yaml: it has no entries such as names and train")
    return content


def _validation(content: dict[str, Any]) -> Any:
    return content.get("val") or content.get("valid")


def _names(value: Any, path: Path) -> tuple[str, ...]:
    """Class names from a list, or from a mapping of numbers to names in any order."""
    if isinstance(value, dict):
        try:
            numbers = {int(key): name for key, name in value.items()}
        except (ValueError, TypeError):
            raise UserError(f"{path}: the keys of names must be the classes' numbers") from None
        missing = sorted(set(range(len(numbers))) - set(numbers))
        if missing or len(numbers) != len(value):
            raise UserError(f"{path}: names must number the classes 0, 1, 2 ... without a gap")
        value = [numbers[number] for number in range(len(numbers))]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise UserError(f"{path}: names must be a list of class names, as in names: [cat, dog]")
    names = tuple(unicodedata.normalize("NFC", name.strip()) for name in value)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not names or "" in names or twice:
        fault = f"names {twice[0]} twice" if twice else "names a class without a name"
        raise UserError(f"{path} {fault if names else 'names no class'}")
    return names


def _texts(value: Any, name: str, path: Path) -> list[str]:
    """The paths of a set: one, several, or none where the entry is missing or empty."""
    if value in (None, "", [], "null", "~"):
        return []
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) and text for text in texts):
        raise UserError(f"{path}: {name} must be a folder, a list of images, or several of them")
    return texts


def _folder(value: Any, path: Path) -> str:
    """The folder that the sets' paths count from; the file's own where none is named."""
    if value in (None, "", "null", "~"):
        return "."
    if not isinstance(value, str):  # aliases can make a value of a few lines immensely long
        raise UserError(f"{path}: path must be a folder, not {shown(value)}")
    return value


def _keypoints(value: Any, path: Path) -> int:
    """Numbers of the keypoints of an object, from kpt_shape: [points, values each]."""
    if value in (None, ""):
        return 0
    parts = value if isinstance(value, list) else []
    if len(parts) != 2 or not all(isinstance(p, str) and KEYPOINTS.fullmatch(p) for p in parts):
        raise UserError(
            f"{path}: kpt_shape must be two whole numbers, as in [17, 3], not {shown(value)}"
        )
    return int(parts[0]) * int(parts[1])
