"""EXIF's orientation: how a stored picture has to be turned to be upright.

Labelling tools show photographs upright, so bounding boxes are in pixels of the upright picture,
and every reader of this package turns pictures accordingly.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

TAG = 0x0112
# The bytes before an EXIF block in each format; files without them need no parsing.
ANNOUNCED = {"jpeg": b"Exif\0\0", "png": b"eXIf", "webp": b"EXIF"}
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def orientation_of(data: bytes, kind: str) -> int:
    """The orientation, 1 (as stored) to 8, of a whole file; 1 if EXIF is missing or damaged."""
    if kind not in ANNOUNCED or ANNOUNCED[kind] not in data:
        return 1
    try:
        with Image.open(io.BytesIO(data)) as image:
            if "exif" not in image.info:
                image.load()  # PNG may store EXIF behind the pixels
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
            value = exif.get(TAG, 1)
    except Exception:  # of many kinds; viewers ignore damaged EXIF, too
        return 1
    return value if value in TURNS else 1


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels, (H, W) or (H, W, C), so that the picture is upright."""
    turn = TURNS.get(orientation)
    return turn(pixels) if turn else pixels


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of the upright picture from those of the stored one."""
    return size[::-1] if orientation >= 5 else size
