"""Reading lists of images (split files), and finding the file that each line means."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from yolox_ela.datasets.names import nearest_set
from yolox_ela.datasets.problems import Problem, Severity
from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES
from yolox_ela.system.files import is_file, is_folder, read_text

LABEL = re.compile(r"-1|0|\+?1")  # the column behind an id in VOC's lists for a class
# Boxes with classes behind a path, x1,y1,x2,y2,class, as in lists for YOLO.
BOXES = re.compile(r"(.*?\S)(?:\s+-?\d+(?:\.\d+)?(?:,-?\d+(?:\.\d+)?){4})+")


class KnownIds(Protocol):
    """The ids that a line may mean."""

    def __contains__(self, image_id: object) -> bool: ...

    def has_folder(self, name: str) -> bool:
        """Whether there are ids in this folder, as `cam1/000506` is in `cam1`."""
        ...


class FilesById:
    """Finds the files of a folder by id, which is the relative path without its suffix.

    A subfolder is listed once, when an id in it is first looked up. Composed and decomposed Unicode
    characters are treated as equal, because file systems and lists differ in them.

    Args:
        folder: the folder of the files; it need not exist.
        suffixes: suffixes of the files to find, in lower case.
    """

    def __init__(self, folder: Path, suffixes: Sequence[str]) -> None:
        self.folder, self._suffixes = folder, tuple(suffixes)
        self._listed: dict[str, dict[str, list[Path]]] = {}

    def find(self, image_id: str) -> list[Path]:
        """All files with an id, sorted by name."""
        parent, _, name = image_id.rpartition("/")
        return self._listing(parent).get(composed(name), [])

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and bool(self.find(image_id))

    def has_folder(self, name: str) -> bool:
        """See `KnownIds`."""
        return self._place(name) is not None

    def nearest(self, image_id: str) -> str | None:
        """A similar id: one that differs in upper and lower case only, or else the first word."""
        parent, slash, name = image_id.rpartition("/")
        for other in self._listing(parent):
            if other.casefold() == composed(name).casefold():
                return f"{parent}{slash}{other}"
        word = re.split(r"[\s,;]", image_id, maxsplit=1)[0]
        return word if word in self else None

    def _listing(self, parent: str) -> dict[str, list[Path]]:
        if parent not in self._listed:
            found: dict[str, list[Path]] = {}
            place = self._place(parent)
            if place is not None:
                for path in sorted(place.iterdir(), key=lambda path: path.name):
                    if path.suffix.lower() in self._suffixes:
                        found.setdefault(composed(path.stem), []).append(path)
            self._listed[parent] = found
        return self._listed[parent]

    def _place(self, parent: str) -> Path | None:
        """The subfolder with this name in either Unicode form; None if it is outside the folder."""
        if parent and not {"", ".", ".."}.isdisjoint(parent.split("/")):
            return None
        for form in ("NFC", "NFD"):
            place = self.folder / unicodedata.normalize(form, parent)
            if is_folder(place):
                return place
        return None


class IdSet:
    """A set of ids in memory, as `KnownIds`."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = {composed(image_id) for image_id in ids}
        self._folders = {str(up) for i in self._ids if "/" in i for up in PurePosixPath(i).parents}

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and composed(image_id) in self._ids

    def has_folder(self, name: str) -> bool:
        """See `KnownIds`."""
        return composed(name) in self._folders


def read_split(
    folder: Path, year: str, split: str, images: FilesById
) -> tuple[list[str], list[Problem]]:
    """Read the image ids of ImageSets/Main/<split>.txt.

    Args:
        folder: the year's folder.
        year: the year in the set's name.
        split: the split in the set's name.
        images: the image files that lines may mean.

    Returns:
        The ids without repetition, and the problems of the file. A line that means no image is
        itself returned as an id.

    Raises:
        UserError: there is no such file.
    """
    path = folder / "ImageSets" / "Main" / f"{split}.txt"
    if not is_file(path):
        raise UserError(_missing_list(path, year))
    problems = []
    ids: dict[str, str] = {}  # id: the first line that names it
    for number, line in enumerate(read_lines(path), 1):
        where = f"line {number}"
        if not line:
            problems.append(Problem(path, "blank line", f"{where}: skipped", Severity.WARNING))
            continue
        image_id = named_id(line, images, home=folder.name) or line
        if image_id != composed(line):
            detail = f"{where}: '{line}' is read as {image_id}"
            problems.append(Problem(path, "more than an id", detail, Severity.WARNING))
        if image_id in ids:
            problems.append(_twice(path, where, image_id, ids[image_id], line))
        ids.setdefault(image_id, line)
    if not ids:
        problems.append(Problem(path, "empty split", "no image ids"))
    return list(ids), problems


def read_lines(path: Path) -> list[str]:
    """The stripped lines of a UTF-8 file; raises UserError if it cannot be read as one."""
    try:
        text = read_text(path, "utf-8-sig")  # Windows writes a byte order mark
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error
    return [line.strip() for line in text.splitlines()]


def named_id(line: str, known: KnownIds, *, home: str = "") -> str | None:
    """The known id that a line of a list means, or None if it means none.

    The id is the whole line, spaces included, if there is such an id. Otherwise columns that may
    follow an id are removed (a label as in VOC's lists for a class, the image's own annotation, or
    boxes), then the suffix of an image, then the folders of a path. A line with several ids means
    none.

    Args:
        line: a line that is not blank.
        known: the known ids.
        home: name of the year's folder; a path into another year's folder means none of the ids.
    """
    for text in _without_columns(line, known):
        for image_id in _spellings(composed(text), known, home):
            if image_id in known:
                return image_id
    return None


def _without_columns(line: str, known: KnownIds) -> Iterator[str]:
    """The line, and the line without the columns that may follow an id."""
    yield line
    words = line.rsplit(maxsplit=1)
    if len(words) < 2:
        return
    first, last = words
    is_label = LABEL.fullmatch(last) and last not in known
    if is_label or (last.lower().endswith(".xml") and _stem(first) == _stem(last)):
        yield first
    if boxes := BOXES.fullmatch(line):
        yield boxes[1]


def _stem(path: str) -> str:
    name = PurePosixPath(composed(path).replace("\\", "/")).name
    return name[:-4] if name.lower().endswith(".xml") else without_suffix(name)


def _spellings(text: str, known: KnownIds, home: str) -> Iterator[str]:
    """The ids that a text may mean, the most literal first."""
    yield text
    text = text.replace("\\", "/").removeprefix("./")
    yield text
    stem = without_suffix(text)
    if stem == text:
        return  # without a suffix, the text is an id, and folders are part of it
    yield stem
    parts = stem.split("/")
    for start in range(1, len(parts)):
        above, folder = parts[start - 2] if start > 1 else "", parts[start - 1]
        year = folder == "JPEGImages" and above.startswith("VOC") and home.startswith("VOC")
        path = "/".join(parts[:start]).strip("/")
        if (path and known.has_folder(path)) or (year and above != home):
            return  # the line means a file in this folder
        yield "/".join(parts[start:])


def _twice(path: Path, where: str, image_id: str, first: str, line: str) -> Problem:
    """The problem of an id that was named before: the same file again, or one in another folder."""
    folders = [text.replace("\\", "/").rpartition("/")[0] for text in (first, line)]
    if all(folders) and folders[0] != folders[1]:
        detail = f"{where}: '{line}' and '{first}' would both be {image_id}"
        return Problem(path, "two paths for an id", detail)
    return Problem(path, "duplicate id", f"{where}: {image_id}, read once", Severity.WARNING)


def _missing_list(path: Path, year: str) -> str:
    per_class = re.compile(r".*_(train|val|trainval|test)")  # VOC's own files for a class
    there = sorted(p.stem for p in path.parent.glob("*.txt") if not per_class.fullmatch(p.stem))
    misplaced = path.parent.parent / path.name
    if is_file(misplaced):
        return f"no split file {path}; there is {misplaced}: move it into {path.parent}"
    message = f"no split file {path}; there are: {', '.join(there) or 'none'}"
    if not there:
        return f"{message}. It is a text file of image ids, one file name without suffix a line"
    near = nearest_set(path.stem, there)
    if near and path.stem != "trainval":  # which is a default, and no slip of the fingers
        return f"{message}. Did you mean {year}/{near}?"
    others = f" test_sets {year}/{there[-1]}" if len(there) > 1 else ""
    return f"{message}. Name them, as in: train_sets {year}/{there[0]}{others}"


def without_suffix(file: str) -> str:
    """The name of an image file without its suffix; other texts are returned unchanged."""
    suffix = PurePosixPath(file).suffix
    return file.removesuffix(suffix) if suffix.lower() in IMAGE_SUFFIXES else file


def composed(text: str) -> str:
    """The text in Unicode's composed form, in which an e with an accent is one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
