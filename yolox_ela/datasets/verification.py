"""Verifying images before they are used: they are read, hashed, and decoded once."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from loguru import logger
from tqdm import tqdm

from yolox_ela.datasets.problems import Problem, Severity
from yolox_ela.datasets.verified import Content, Stamp, VerifiedImages
from yolox_ela.errors import UserError
from yolox_ela.images.read import decode_undamaged, read_file
from yolox_ela.images.values import ValueRange, largest_value
from yolox_ela.system.files import default_cache
from yolox_ela.system.machine import usable_cores

T = TypeVar("T")
_GO_ON = (
    "this command began: data must not change under a run. Put the file back and go on (--resume "
    "continues a training run), or begin anew"
)


@dataclass(frozen=True)
class Verification:
    """The result of `verify_images` for I image files.

    Attributes:
        paths: the image files.
        hashes: (I,) SHA-256 of each file in hexadecimal, as bytes; empty for damaged files.
        stamps: (I, 3) int64 size and times of each file; see `stamp_of`.
        largest: largest value of each image of more than 8 bits.
        problems: damaged and unusual files, and files with equal pixels.
        pixels: (I,) SHA-256 of each decoded picture; see `pixels_hash`.
    """

    paths: list[Path]
    hashes: np.ndarray
    stamps: np.ndarray
    largest: list[ValueRange]
    problems: list[Problem]
    pixels: np.ndarray

    def range_of_values(self, known: ValueRange, name: str) -> ValueRange:
        """The values that are white in images of more than 8 bits.

        Args:
            known: the range that the network's weights were trained with; it has precedence over
                the images' own range.
            name: name of the images for the log.

        Raises:
            UserError: the images' values are ambiguous, or beyond the known range.
        """
        try:
            own = ValueRange.holding(self.largest)
        except UserError as error:
            largest = [values.floats for values in self.largest]
            raise UserError(f"{self.paths[int(np.argmax(largest))]}: {error}") from error
        for kind, (white, found) in enumerate(zip(known, own, strict=True)):
            if 0 < white < found:
                at = int(np.argmax([values[kind] for values in self.largest]))
                raise UserError(
                    f"{self.paths[at]} has values up to {self.largest[at][kind]:g}, and the "
                    f"weights were trained on data whose white is {white:g}; scale the images to "
                    "the same range"
                )
        values = ValueRange(*(white or found for white, found in zip(known, own, strict=True)))
        if own != ValueRange():
            logger.info("{}: {}", name, values)
        return values


def verify_images(paths: Sequence[Path], *, again: bool = False) -> Verification:
    """Check that every image can be decoded without damage.

    Each content is decoded once. Its hash is stored in a record in the cache folder, together with
    the size and times of its file; a file with the same size and times is not read again.

    Args:
        paths: the image files.
        again: whether to read and hash all files, also those with the same size and times.
    """
    record = VerifiedImages(default_cache() / "verified_images.sqlite")
    names = [str(Path(path).absolute()) for path in paths]
    known = {} if again else record.files([name for name in names if _is_text(name)])
    problems: list[Problem] = []

    def current(name: str) -> tuple[Stamp, str] | UserError | None:
        if not _is_text(name):
            return UserError("its name, or that of a folder around it, is not UTF-8: rename it")
        try:
            return known[name] if name in known and known[name][0] == stamp_of(name) else None
        except UserError as error:
            return error

    found = dict(zip(names, map(current, names), strict=True))
    unread = [name for name, state in found.items() if state is None]
    found |= zip(unread, _in_threads(_hash_file, unread, "reading images"), strict=True)
    hashes = [state[1] for state in found.values() if isinstance(state, tuple)]
    contents = record.contents(hashes)
    undecoded = [n for n, s in found.items() if isinstance(s, tuple) and s[1] not in contents]
    added: dict[str, Content] = {}
    for name, result in zip(
        undecoded, _in_threads(_verify_file, undecoded, "verifying images"), strict=True
    ):
        if isinstance(result, UserError):
            found[name] = result
        else:
            stamp, sha256, added[sha256] = result
            found[name] = stamp, sha256
    contents |= added
    files = {n: s for n, s in found.items() if isinstance(s, tuple) and known.get(n) != s}
    if files:
        record.add(files, added)

    rows: list[tuple[Stamp, str, ValueRange, str]] = []
    first: dict[str, Path] = {}
    for path, name in zip(paths, names, strict=True):
        state = found[name]
        if isinstance(state, tuple):
            content = contents[state[1]]
            rows.append((*state, content.largest, content.pixels))
            earlier = first.setdefault(content.pixels, path)
            if real_path(earlier) != real_path(path):
                detail = f"it has the pixels of {earlier}"
                problems.append(Problem(path, "same picture twice", detail, Severity.WARNING))
            if content.oddity:
                problems.append(Problem(path, "odd file", content.oddity, Severity.WARNING))
        else:
            problems.append(Problem(path, "unreadable image", str(state)))
            rows.append(((0, 0, 0), "", ValueRange(), ""))
    return Verification(
        [Path(path) for path in paths],
        np.array([sha256 for _, sha256, _, _ in rows], dtype="S64"),
        np.array([stamp for stamp, _, _, _ in rows], dtype=np.int64).reshape(-1, 3),
        [largest for _, _, largest, _ in rows],
        problems,
        np.array([pixels for _, _, _, pixels in rows], dtype="S64"),
    )


def _is_text(name: str) -> bool:
    """Whether a path can be written into a run's files; on Linux, names may be any bytes."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def read_unchanged(path: Path, stamp: np.ndarray, sha256: bytes) -> bytes:
    """Read a verified file; its hash is compared only if its size or times have changed.

    Args:
        path: the file.
        stamp: (3,) the file's row of `Verification.stamps`.
        sha256: the file's entry of `Verification.hashes`.

    Raises:
        UserError: the file's content has changed, or the file is gone.
    """
    try:
        data = read_file(path)
        known = stamp_of(path) == tuple(stamp.tolist())
    except UserError as error:
        if path.exists():
            raise
        raise UserError(f"image {path} has been removed since {_GO_ON}") from error
    if not known and hash_of(data).encode() != sha256:
        raise UserError(f"image {path} has changed since {_GO_ON}")
    return data


def real_path(path: Path) -> Path:
    """The path of a file with symbolic links of its folder resolved."""
    return _real_folder(path.parent) / path.name


@cache
def _real_folder(folder: Path) -> Path:
    return folder.resolve()


def stamp_of(path: str | Path) -> Stamp:
    """Size of a file in bytes, and the times of its last change of content and of status in ns.

    Raises:
        UserError: there is no such file.
    """
    try:
        status = Path(path).stat()
    except OSError as error:
        raise UserError(f"cannot open image {path}: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def hash_of(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def pixels_hash(pixels: np.ndarray) -> str:
    """SHA-256 in hexadecimal of a decoded picture: its shape, number type and values."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _hash_file(name: str) -> tuple[Stamp, str] | UserError:
    try:
        # Taken before reading, so that a change meanwhile is noticed next time.
        stamp = stamp_of(name)
        return stamp, hash_of(read_file(Path(name)))
    except UserError as error:
        return error


def _verify_file(name: str) -> tuple[Stamp, str, Content] | UserError:
    path = Path(name)
    try:
        stamp, data = stamp_of(path), read_file(path)
        decoded = decode_undamaged(data, path)
        try:
            largest = largest_value(decoded.pixels)
            ValueRange.holding([ValueRange(max(largest))])  # raises for more than 16 bits
        except UserError as error:
            raise UserError(f"cannot use image {path}: {error}") from error
    except UserError as error:
        return error
    content = Content(largest, decoded.oddity, pixels_hash(decoded.pixels))
    return stamp, hash_of(data), content


def _in_threads(work: Callable[[str], T], names: Sequence[str], what: str) -> Iterable[T]:
    """Call `work` for all names in threads, with a progress bar on a terminal."""
    if not names:
        return []
    options: dict[str, Any] = {"unit": "image", "leave": False, "disable": None}
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(tqdm(pool.map(work, names), what, total=len(names), **options))
