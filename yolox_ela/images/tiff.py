"""Decoding TIFF files: those of 8 bits by Pillow, others by OpenCV, which keeps their values."""

import io
import zlib

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

BITS, COMPRESSION, PHOTOMETRIC, CHANNELS, PLANES, FORMAT = 258, 259, 262, 277, 284, 339  # tags
PARTS = ((273, 279), (324, 325))  # tags of the offsets and lengths of strips, and of tiles
DEFLATE = (8, 32946)
GRAY, RGB = 1, 2
UNSIGNED, FLOAT = 1, 3
DEFAULTS = {
    BITS: (1,),
    COMPRESSION: 1,
    PHOTOMETRIC: GRAY,
    CHANNELS: 1,
    PLANES: 1,
    FORMAT: (UNSIGNED,),
}


def decode_tiff(data: bytes) -> np.ndarray:
    """Decode the first picture of a file, upright.

    Returns:
        (H, W) or (H, W, 3) BGR, of 8 bits or the file's own depth; without alpha.

    Raises:
        ValueError: the file is damaged, or of a kind that OpenCV would decode wrongly.
        OSError: the file is damaged.
    """
    directory = _read_directory(data)
    tags = {tag: directory.get(tag, default) for tag, default in DEFAULTS.items()}
    bits, forms, channels = tags[BITS], tags[FORMAT], tags[CHANNELS]
    if max(bits) <= 8 and set(forms) == {UNSIGNED}:
        with Image.open(io.BytesIO(data)) as image:
            rgb = ImageOps.exif_transpose(image).convert("RGB")
        return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])
    kind = f"{channels} channels of {'/'.join(map(str, bits))} bits"
    # OpenCV decodes other layouts of such files to noise, or with black and white exchanged.
    understood = (tags[PHOTOMETRIC], channels) in ((GRAY, 1), (RGB, 3), (RGB, 4))
    if not understood or (channels > 1 and tags[PLANES] != 1) or len(set(bits)) > 1:
        raise ValueError(
            f"a TIFF of this kind is not supported ({kind}, photometric interpretation "
            f"{tags[PHOTOMETRIC]}, planar configuration {tags[PLANES]}); save it as gray or RGB "
            "with interleaved channels"
        )
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"a TIFF of {kind} that OpenCV cannot read: damaged, or save it otherwise")
    is_float = set(forms) == {FLOAT}
    if is_float != (pixels.dtype.kind == "f") or 8 * pixels.dtype.itemsize < max(bits):
        raise ValueError(f"a TIFF of {kind} of a number format that is not supported")
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, :3])


def require_checksums(data: bytes) -> None:
    """Verify the checksums of parts compressed by deflate, which libtiff does not do.

    Raises:
        zlib.error: a part is damaged.
    """
    directory = _read_directory(data)
    if directory.get(COMPRESSION) not in DEFLATE:
        return
    for offsets, lengths in PARTS:
        for start, length in zip(
            directory.get(offsets, ()), directory.get(lengths, ()), strict=True
        ):
            zlib.decompress(data[start : start + length])


def _read_directory(data: bytes) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The tags of the first picture."""
    big = b"\x2b" in data[2:4]
    directory = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if big else 8])
    stream = io.BytesIO(data)
    stream.seek(directory.next)
    directory.load(stream)
    return directory
