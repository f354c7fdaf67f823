"""Single pictures, however they are given, as (H, W, 3) uint8 BGR."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps

from yolox_ela.errors import UserError
from yolox_ela.images.read import decode_undamaged, read_image, to_bgr, told_as_damage
from yolox_ela.images.values import ValueRange
from yolox_ela.predict.download import download, is_web
from yolox_ela.schema import shown

Picture: TypeAlias = str | Path | np.ndarray | Image.Image | bytes


def as_bgr(picture: Picture, values: ValueRange, *, rgb: bool = False) -> np.ndarray:
    """The pixels of a picture.

    Args:
        picture: a path, an address (http or https), the bytes of an image file, a PIL image, or an
            (H, W, 3) uint8 array.
        values: the value of white in files of more than 8 bits.
        rgb: whether arrays are RGB; by default they are BGR, as OpenCV has them. Files, bytes and
            PIL images know their own order.

    Returns:
        (H, W, 3) uint8 BGR; an array that is BGR already is returned itself.

    Raises:
        UserError: it is none of these, or cannot be read.
    """
    if isinstance(picture, np.ndarray):
        return _of_array(picture, rgb=rgb)
    if isinstance(picture, Image.Image):
        name = Path("(a PIL image)")
        with told_as_damage(name):  # which may read its file only now
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I") or upright.mode == "F":
                return to_bgr(np.ascontiguousarray(upright), values, name)
            return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[:, :, ::-1])
    if isinstance(picture, bytes):
        name = Path("(bytes)")
        return to_bgr(decode_undamaged(picture, name).pixels, values, name)
    if is_web(picture):
        name = Path(str(picture).rpartition("/")[2] or "picture")
        try:
            return to_bgr(decode_undamaged(download(str(picture)), name).pixels, values, name)
        except UserError as error:
            raise UserError(f"{picture}: {error}") from error
    if isinstance(picture, (str, Path)):
        return read_image(picture, values)
    raise UserError(
        "an image is a path, an address, an array, a PIL image or bytes, not " + shown(picture)
    )


def _of_array(array: np.ndarray, *, rgb: bool) -> np.ndarray:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        order = "RGB" if rgb else "BGR"
        raise UserError(
            f"an image array must be (H, W, 3) uint8 {order}, not {array.shape} {array.dtype}"
        )
    return np.ascontiguousarray(array[:, :, ::-1]) if rgb else array
