"""Pictures that are nearly the same: copies that were resized, recompressed or brightened, and
photographs taken from one place within moments.

Two measures on a thumbnail must agree. The difference hash (whether each pixel is brighter than the
one before it and the one above it) finds equal outlines, but in smooth skies it is mere noise; the
correlation finds equal areas of light and dark, but takes every field below a sky for another. On
the 5,008 photographs of VOC2007's trainval, both together name three pairs, which are three scenes
photographed twice.

Mirrored, turned and strongly cropped copies are not found.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from yolox_ela.images.read import decode, read_file
from yolox_ela.system.machine import usable_cores

SIDE = 17  # of a thumbnail in pixels, which gives 16 x 16 differences in both directions
MOST_DIFFERENT = 0.22  # share of the hash's bits
LEAST_CORRELATION = 0.96
PLAIN = 1e-3  # contrast of a thumbnail by its brightness, below which it shows nothing
BLOCK = 1024  # images compared with all others at a time
JPEG = b"\xff\xd8\xff"


def similar_pairs(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """Positions of the pictures that are nearly the same, the first of each pair the smaller.

    Args:
        paths: image files that can be decoded.

    Raises:
        UserError: a file cannot be decoded.
    """
    with ThreadPoolExecutor(usable_cores()) as pool:
        made = pool.map(thumbnail, paths)
        bar = tqdm(made, "comparing images", len(paths), unit="image", leave=False, disable=None)
        thumbnails = np.array(list(bar), dtype=np.float32).reshape(-1, SIDE, SIDE)
    return pairs_of_thumbnails(thumbnails)


def thumbnail(path: Path) -> np.ndarray:
    """A (SIDE, SIDE) float32 grey picture of an upright image.

    JPEG files are decoded at a quarter of their size, which takes a fraction of the time.

    Raises:
        UserError: the file cannot be decoded.
    """
    data = read_file(path)
    pixels = None
    if data.startswith(JPEG):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
    if pixels is None:
        pixels = decode(data, path).pixels.astype(np.float32)
        pixels = pixels.mean(axis=2) if pixels.ndim == 3 else pixels
    return cv2.resize(pixels.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def pairs_of_thumbnails(thumbnails: np.ndarray) -> list[tuple[int, int]]:
    """See `similar_pairs`; a plain area resembles no other.

    Args:
        thumbnails: (N, SIDE, SIDE) float32.
    """
    count = len(thumbnails)
    if count < 2:
        return []
    across = thumbnails[:, 1:, 1:] > thumbnails[:, 1:, :-1]
    down = thumbnails[:, 1:, 1:] > thumbnails[:, :-1, 1:]
    bits = np.concatenate([across.reshape(count, -1), down.reshape(count, -1)], axis=1)
    signs = np.where(bits, np.float32(1), np.float32(-1))  # whose products count equal bits
    light = thumbnails.reshape(count, -1)
    mean = light.mean(axis=1, keepdims=True)
    light = light - mean
    contrast = np.linalg.norm(light, axis=1, keepdims=True)
    is_plain = contrast <= PLAIN * np.abs(mean)
    light = np.where(is_plain, 0, light / np.where(is_plain, 1, contrast)).astype(np.float32)
    least_equal = (1 - 2 * MOST_DIFFERENT) * signs.shape[1]
    pairs: list[tuple[int, int]] = []
    for start in range(0, count, BLOCK):
        rows = slice(start, start + BLOCK)
        alike = signs[rows] @ signs[start:].T >= least_equal
        alike &= light[rows] @ light[start:].T >= LEAST_CORRELATION
        first, second = np.nonzero(np.triu(alike, 1))
        pairs += zip((first + start).tolist(), (second + start).tolist(), strict=True)
    return pairs
