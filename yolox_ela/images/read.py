"""Reading image files: the same pixels for training, evaluation, prediction and reports."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from yolox_ela.errors import UserError
from yolox_ela.images import jpeg, webp
from yolox_ela.images.orientation import orientation_of, upright, upright_size
from yolox_ela.images.tiff import decode_tiff, require_checksums
from yolox_ela.images.values import UNDECIDED, ValueRange, to_eight_bits
from yolox_ela.system.files import as_path, read_bytes

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
STARTS = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
}


class Decoded(NamedTuple):
    """A file's picture.

    Attributes:
        pixels: (H, W) or (H, W, 3) BGR, upright, of 8 bits or the file's own depth, without alpha.
        oddity: a description of what is unusual about the file but harmless; empty if nothing is.
    """

    pixels: np.ndarray
    oddity: str = ""


def read_image(path: Path | str, values: ValueRange = UNDECIDED) -> np.ndarray:
    """Read a picture upright, as EXIF says, after checking that it is complete and undamaged.

    Args:
        path: the file.
        values: the values that become 255 in files of more than 8 bits; by default they follow
            from the picture's own largest value.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        UserError: the file is missing, damaged, cut short or not an image, or it has values
            beyond `values`.
    """
    path = as_path(path, "an image")
    return to_bgr(decode_undamaged(read_file(path), path).pixels, values, path)


def read_file(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        UserError: it cannot be opened.
    """
    try:
        return read_bytes(as_path(path, "an image"))
    except OSError as error:
        raise UserError(f"cannot open image {path}: {error.strerror}") from error


def decode(data: bytes, path: Path) -> Decoded:
    """Decode a file; `decode_undamaged` also finds damage that the decoder does not report.

    Args:
        data: the content of the whole file.
        path: the file's path, for messages.

    Raises:
        UserError: it cannot be decoded.
    """
    kind, oddity = _kind(data), ""
    with told_as_damage(path, data):
        if kind == "jpeg":
            pixels, oddity = jpeg.decode_jpeg(data)
        elif kind == "tiff":
            return Decoded(decode_tiff(data))
        elif kind in ("png", "bmp", "webp"):
            pixels = _by_opencv(data, kind)
        else:
            return Decoded(_by_pillow(data))
        return Decoded(upright(pixels, orientation_of(data, kind)), oddity)


@contextmanager
def told_as_damage(path: Path, data: bytes = b"") -> Iterator[None]:
    """Within `with`, turn what a decoder raises into one message: for damaged files, libraries have
    errors of nearly every kind.

    Args:
        path: the file, for messages.
        data: its content, by which a file of another kind is told.

    Raises:
        UserError: the file cannot be decoded.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"cannot decode image {path}: {_what_else(data, path)}") from error
    except Exception as error:
        reason = getattr(error, "err", None) or str(error) or type(error).__name__
        raise UserError(
            f"cannot decode image {path}: it is damaged or of an unusual kind ({reason}); replace "
            "it or save it anew"
        ) from error


def decode_undamaged(data: bytes, path: Path) -> Decoded:
    """Decode a file and look for damage that its decoder does not report; see `decode`.

    Raises:
        UserError: it cannot be decoded, or a part of it is damaged.
    """
    decoded = decode(data, path)
    kind = _kind(data)
    lost = {"jpeg": jpeg.has_lost_data, "webp": webp.has_lost_data}.get(kind)
    if lost is not None and lost(data):
        raise UserError(
            f"cannot decode image {path}: it is damaged, a part of its data are zeros; replace it"
        )
    if kind == "jpeg":
        return decoded
    frames = 1
    with told_as_damage(path), suppress(UnidentifiedImageError):
        # Pillow reports some damage that OpenCV ignores, and does not know all TIFF of deep pixels.
        if kind == "tiff":
            require_checksums(data)
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            frames = getattr(image, "n_frames", 1)
    if frames > 1:
        return Decoded(decoded.pixels, f"the first of {frames} pictures in the file is used")
    return decoded


def to_bgr(pixels: np.ndarray, values: ValueRange, path: Path) -> np.ndarray:
    """(H, W, 3) uint8 BGR from the pixels of `decode`.

    Raises:
        UserError: a value is not within the range; see `to_eight_bits`.
    """
    try:
        pixels = to_eight_bits(pixels, values)
    except UserError as error:
        raise UserError(f"cannot use image {path}: {error}") from error
    return pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)


def image_header(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height of the upright picture, and its EXIF orientation; no pixels are decoded.

    Raises:
        UserError: not an image.
    """
    data = read_file(path)
    kind = _kind(data)
    if kind == "tiff":  # only some versions of Pillow turn the size by the orientation
        height, width = decode(data, path).pixels.shape[:2]
        return (width, height), 1
    with told_as_damage(path, data), Image.open(io.BytesIO(data)) as image:
        size = image.size
    orientation = orientation_of(data, kind)
    return upright_size(size, orientation), orientation


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright picture, from the header alone.

    Raises:
        UserError: not an image.
    """
    return image_header(path)[0]


def _kind(data: bytes) -> str:
    """The format by the file's first bytes; its name does not matter."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for start, kind in STARTS.items() if data.startswith(start)), "other")


def _by_opencv(data: bytes, kind: str) -> np.ndarray:
    """The stored pixels by OpenCV, which is several times as fast as Pillow, with equal results."""
    is_deep = kind == "png" and data[24:25] == b"\x10"
    flags = cv2.IMREAD_UNCHANGED if is_deep else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise ValueError(f"not a complete {kind.upper()} file")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    return pixels


def _by_pillow(data: bytes) -> np.ndarray:
    """The upright pixels by Pillow, for GIF and all formats that have no reader here."""
    with Image.open(io.BytesIO(data)) as image:
        turned = ImageOps.exif_transpose(image)
        if turned.mode.startswith("I") or turned.mode == "F":
            return np.ascontiguousarray(turned)
        return np.ascontiguousarray(np.asarray(turned.convert("RGB"))[:, :, ::-1])


def _what_else(data: bytes, path: Path) -> str:
    """A description of a file that no decoder knows, with a remedy."""
    if not data:
        return "the file is empty; replace it"
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return (
            "it is a video: `yolox-ela predict` and Detector.stream take its frames; pictures come "
            f"out of it with: ffmpeg -i {path.name} frame%06d.png"
        )
    if data[4:8] == b"ftyp" and data[8:11] in (b"hei", b"hev", b"mif"):
        return "it is a HEIC picture, which is not supported; save it as JPEG or PNG"
    return "it is damaged or not an image; replace it"
