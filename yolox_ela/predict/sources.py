"""What a user can name to be looked at: pictures, folders, lists, addresses, videos, cameras."""

import glob
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from yolox_ela.datasets.lists import read_lines
from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from yolox_ela.predict.download import is_web
from yolox_ela.predict.pictures import Picture
from yolox_ela.schema import shown
from yolox_ela.system.files import exists, is_folder

Source: TypeAlias = Picture | int
SYSTEM_FILES = ("thumbs.db", "desktop.ini", "icon\r")  # besides names that begin with a dot
STREAM_STARTS = ("rtsp://", "rtsps://", "rtmp://", "tcp://", "udp://", "srt://")
STREAM_SUFFIXES = (".m3u8", ".mjpg", ".mjpeg")
# Pillow knows these files, but as documents or data instead of pictures, or cannot render them.
NO_PICTURES = (".pdf", ".eps", ".ps", ".h5", ".hdf", ".grib", ".bufr", ".wmf", ".emf", ".fits")


@dataclass(frozen=True)
class Video:
    """A source of frames.

    Attributes:
        source: a path, an address, or the number of a camera.
        live: whether its newest frame is wanted, instead of all.
    """

    source: str | Path | int
    live: bool


Item: TypeAlias = Picture | Video
OnOmitted: TypeAlias = Callable[[str], None]


def find_items(
    given: Source | Video | Iterable[Source | Video],
    *,
    live: bool = False,
    on_omitted: OnOmitted = lambda _: None,
) -> Iterator[Item]:
    """Pictures and videos, one after the other, from anything that can be given.

    Args:
        given: one source or many: a picture; the path of a video, of a folder, or of a text file
            with a path a line; a pattern such as `photos/*.jpg`; an address; the number of a
            camera, also as text.
        live: whether all videos are live.
        on_omitted: called with a sentence about files in a folder that are no pictures.

    Raises:
        UserError: a pattern matches nothing, or a folder or list names no picture.
    """
    if isinstance(given, Video):
        yield given
    elif isinstance(given, (str, Path)):
        yield from _of_text(given, live, on_omitted)
    elif isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        yield _camera(str(given) if abs(given) < 10**9 else shown(given))
    elif isinstance(given, (np.ndarray, bytes, Image.Image)):
        yield given
    elif isinstance(given, Iterable) and not hasattr(given, "__array__"):  # as tensors have
        for one in given:
            yield from find_items(one, live=live, on_omitted=on_omitted)
    else:
        raise UserError(
            "give a path, an address, the number of a camera, an array, a PIL image, bytes, or a "
            f"list of these, not {shown(given)}"
        )


def is_system_file(path: Path) -> bool:
    """Whether a file is the operating system's own, such as macOS's `._photo.jpg`."""
    return path.name.startswith(".") or path.name.lower() in SYSTEM_FILES


@cache
def picture_suffixes() -> tuple[str, ...]:
    """The suffixes of pictures that can be read; what a folder's files are chosen by."""
    registered = Image.registered_extensions()
    others = {suffix for suffix, kind in registered.items() if kind in Image.OPEN}
    others -= {*NO_PICTURES, *VIDEO_SUFFIXES, *IMAGE_SUFFIXES}
    return (*IMAGE_SUFFIXES, *sorted(others))


def _of_text(given: str | Path, live: bool, on_omitted: OnOmitted) -> Iterator[Item]:
    text, path = str(given), Path(given)
    if is_web(given):
        suffix = _suffix_of_address(text)
        streams = live or suffix in STREAM_SUFFIXES
        yield Video(text, live=streams) if streams or suffix in VIDEO_SUFFIXES else text
    elif text.lower().startswith(STREAM_STARTS):
        yield Video(text, live=True)
    elif is_folder(path):
        yield from _of_folder(path, live, on_omitted)
    elif exists(path) or not _is_pattern(text):
        if text.isdecimal() and not exists(path):
            yield _camera(text)
        else:
            yield from _of_file(path, live, on_omitted)
    else:
        found = sorted(map(Path, glob.glob(text, recursive=True)))  # noqa: PTH207
        wanted = [file for file in found if file.is_file() and not is_system_file(file)]
        if not wanted:
            raise UserError(f"no file matches {text}")
        for file in wanted:
            yield from _of_file(file, live, on_omitted)


def _of_file(path: Path, live: bool, on_omitted: OnOmitted) -> Iterator[Item]:
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        yield Video(path, live=live)
    elif suffix == ".txt":
        yield from _of_list(path, live, on_omitted)
    else:
        yield path


def _of_folder(folder: Path, live: bool, on_omitted: OnOmitted) -> Iterator[Item]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not is_system_file(path))
    known = (*picture_suffixes(), *VIDEO_SUFFIXES)
    wanted = [path for path in files if path.suffix.lower() in known]
    if others := sorted({path.suffix.lower() or path.name for path in files} - set(known)):
        number = len(files) - len(wanted)
        they = f"{number} {'files are' if number > 1 else 'file is'}"
        on_omitted(
            f"{folder}: {they} left out ({', '.join(others)}); "
            f"pictures end in {', '.join(IMAGE_SUFFIXES)} or another suffix that Pillow reads, "
            f"videos in {', '.join(VIDEO_SUFFIXES)}"
        )
    if not wanted:
        below = sum(path.is_dir() for path in folder.iterdir())
        hint = f"; it has {below} folders: name these, or {folder}/**/*.jpg" if below else ""
        raise UserError(f"no pictures or videos in {folder}{hint}")
    for path in wanted:
        yield Video(path, live=live) if path.suffix.lower() in VIDEO_SUFFIXES else path


def _of_list(path: Path, live: bool, on_omitted: OnOmitted) -> Iterator[Item]:
    """The sources that a text file names; paths count from its own folder, or the current one."""
    lines = [line for line in read_lines(path) if line and not line.startswith("#")]
    if not lines:
        raise UserError(f"the list {path} is empty: it has a path or address a line")
    for line in lines:
        if line.endswith(".txt"):
            raise UserError(f"the list {path} names another list, {line}")
        beside = path.parent / line
        yield from _of_text(beside if exists(beside) else line, live, on_omitted)


def _camera(number: str) -> Video:
    """The camera of a number, which cannot be large."""
    if not number.isdecimal() or len(number) > 9:
        raise UserError(f"cameras are numbered from 0, not {number[:20]}")
    return Video(int(number), live=True)


def _suffix_of_address(text: str) -> str:
    """The suffix of the file that an address of the web names."""
    try:
        return Path(urlsplit(text).path).suffix.lower()
    except ValueError as error:
        raise UserError(f"{text} is no address of the web: {error}") from error


def _is_pattern(text: str) -> bool:
    return any(character in text for character in "*?[")


def name_of(source: Any, number: int = 0) -> str:
    """A short name for a source, without suffix, that can stand in a file's name."""
    if isinstance(source, int):
        return f"camera{source}"
    if isinstance(source, str) and "://" in source:
        parts = urlsplit(source)
        return Path(parts.path).stem or parts.hostname or "stream"
    if isinstance(source, (str, Path)):
        return Path(source).stem
    return f"picture{number}"
