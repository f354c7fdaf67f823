"""One COCO JSON file: its images, objects and categories, and where the images lie."""

import json
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from yolox_ela.datasets.lists import without_suffix
from yolox_ela.datasets.readers.numbers import whole_number
from yolox_ela.errors import UserError
from yolox_ela.system.files import is_file, read_bytes

PARTS = ("images", "categories")
MOST_FOLDERS = 30  # that are sought for in a name of another machine; each is a look at every image


class CocoFile:
    """One JSON file: the images of a set, its objects, and the folders where images may lie.

    Args:
        path: the JSON file.
        folders: where its images may be, the likeliest first.

    Raises:
        UserError: the file cannot be read, or is no file of annotations.
    """

    def __init__(self, path: Path, folders: Sequence[Path]) -> None:
        self.path, self.folders = path, folders

    @cached_property
    def content(self) -> dict[str, Any]:
        """The file's `images`, `annotations` and `categories`; lists of dictionaries all."""
        return read_coco_json(self.path)

    @property
    def annotated(self) -> bool:
        """Whether the file has annotations; COCO's lists of test images have none."""
        return "annotations" in self.content

    @cached_property
    def names(self) -> dict[Hashable, str]:
        """Class names by category id, in the order of the ids.

        Raises:
            UserError: an id or a name is missing, or is there twice.
        """
        names: dict[Hashable, str] = {}
        for entry in self.content["categories"]:
            key, name = identity(entry.get("id")), entry.get("name")
            if key is None or not isinstance(name, str) or not name.strip():
                raise UserError(
                    f"{self.path}: a category needs an id and a name, not {short(entry)}"
                )
            if key in names:
                raise UserError(f"{self.path}: two categories have the id {key}")
            names[key] = unicodedata.normalize("NFC", name.strip())
        if twice := [name for name, count in Counter(names.values()).items() if count > 1]:
            raise UserError(f"{self.path}: two categories are called {twice[0]}")
        numbers = all(isinstance(key, int) for key in names)
        return dict(sorted(names.items())) if numbers else names  # type: ignore[type-var]

    @cached_property
    def objects(self) -> dict[Hashable, list[dict[str, Any]]]:
        """The annotations by image id."""
        result: dict[Hashable, list[dict[str, Any]]] = {}
        for annotation in self.content.get("annotations", []):
            result.setdefault(identity(annotation.get("image_id")), []).append(annotation)
        return result

    @cached_property
    def used(self) -> set[str]:
        """The names of the classes that have an object."""
        ids = {identity(a.get("category_id")) for a in self.content.get("annotations", [])}
        return {name for key, name in self.names.items() if key in ids}


def read_coco_json(path: Path) -> dict[str, Any]:
    """The lists of a JSON file of annotations.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    try:
        content = json.loads(read_bytes(path).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from error
    if isinstance(content, list):
        first = content[0] if content else None
        if isinstance(first, dict) and "score" in first:
            raise UserError(
                f"{path} is a list of detections (COCO's results format), not annotations: give "
                "the JSON file with images, annotations and categories"
            )
        raise UserError(f"{path} is a list, not COCO's annotations: it needs images, annotations "
                        "and categories")  # fmt: skip
    missing = [part for part in PARTS if not isinstance(content, dict) or part not in content]
    if missing:
        raise UserError(f"{path} is no file of COCO's annotations: it has no {missing[0]}")
    for part in (*PARTS, "annotations"):
        entries = content.get(part, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f"{path}: {part} must be a list of objects in braces")
    return content


def image_files(file: CocoFile) -> dict[str, Path]:
    """The image file of each `file_name`, all from the folder that has most of them.

    Names with folders of another machine, as Label Studio writes them, are sought by their ends.
    """
    names = [e["file_name"] for e in file.content["images"] if isinstance(e.get("file_name"), str)]
    best: dict[str, Path] = {}
    depths = range(min(_depth(names), MOST_FOLDERS) + 1)
    for folder in file.folders:
        for depth in depths:
            found = {name: folder / _without_folders(name, depth) for name in names}
            found = {name: path for name, path in found.items() if is_file(path)}
            if len(found) > len(best) and len(set(found.values())) == len(found):
                best = found
        if names and len(best) == len(set(names)):
            break
    return best


def _depth(names: Sequence[str]) -> int:
    return max((posix(name).count("/") for name in names), default=0)


def _without_folders(name: str, depth: int) -> str:
    """The name without its first folders, the file itself always left."""
    parts = PurePosixPath(posix(name)).parts
    return "/".join(parts[min(depth, len(parts) - 1) :])


def stem_of(name: Any) -> str:
    """A file_name without its suffix; empty for what is none."""
    return without_suffix(posix(name).removeprefix("./")) if isinstance(name, str) else ""


def posix(name: str) -> str:
    """A path with slashes, also where Windows wrote it."""
    return name.replace("\\", "/")


def identity(value: Any) -> Hashable:
    """An id as a key: an integer, also where it is written as 3.0, or a text; None for others."""
    number = whole_number(value)
    if number is not None:
        return number
    return value if isinstance(value, str) and value else None


def short(value: Any) -> str:
    """A JSON value for a message, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
