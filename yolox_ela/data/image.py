"""Reading image files."""

import struct
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from yolox_ela.errors import UserError

PILLOW_ERRORS = (OSError, SyntaxError, Image.DecompressionBombError)
JPEG_END = b"\xff\xd9"


def read_image(path: Path | str) -> np.ndarray:
    """Decode an image of a data set as (H, W, 3) uint8 BGR, pixels as stored.

    A rotation in EXIF is not applied: annotations count the stored pixels.

    Raises:
        UserError: the file is missing or cannot be decoded.
    """
    path = Path(path)
    # Not cv2.imread: it cannot open paths with other than ASCII letters on Windows.
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise UserError(f"cannot open image {path}: {error.strerror}") from error
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as error:  # claims to be larger than OpenCV's limit
        raise UserError(f"cannot decode image {path}: {error.err}") from error
    if image is None:
        raise UserError(f"cannot decode image {path}: it is damaged or not an image; replace it")
    return image


def read_photograph(path: Path | str) -> np.ndarray:
    """Decode a user's picture completely, upright as EXIF says: (H, W, 3) uint8 BGR.

    Raises:
        UserError: the file is missing, damaged, cut short, or not an image.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits a pixel, which convert() would cut off
                upright = Image.fromarray((np.asarray(upright) // 256).astype(np.uint8))
            rgb = np.asarray(upright.convert("RGB"))
    except FileNotFoundError as error:
        raise UserError(f"no image at {path}") from error
    except (*PILLOW_ERRORS, ValueError, struct.error) as error:  # struct: damaged EXIF
        raise UserError(f"cannot decode image {path}: {error}") from error
    return np.ascontiguousarray(rgb[:, :, ::-1])


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of the stored pixels, from the header alone.

    A JPEG without its end marker is decoded to see whether it is cut short.

    Raises:
        UserError: not an image, or cut short.
    """
    try:
        with Image.open(path) as image:
            size = image.size
            if image.format == "JPEG" and not _has_end_marker(path):
                image.load()
    except PILLOW_ERRORS as error:
        raise UserError(f"cannot read image {path}: {error}") from error
    return size


def decode_check(path: Path) -> None:
    """Decode every pixel.

    Raises:
        UserError: the image is damaged or cut short.
    """
    try:
        with Image.open(path) as image:
            image.load()
    except PILLOW_ERRORS as error:
        raise UserError(f"cannot decode image {path}: {error}") from error
    read_image(path)  # Pillow forgives what OpenCV, which training reads with, does not


def _has_end_marker(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        return JPEG_END in file.read()
