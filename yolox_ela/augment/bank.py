"""The images of a split, resized to the network's input size.

They are read from their files each time, or decoded once and kept in memory or in a file. Training
samples are the same either way; only the time differs.
"""

import hashlib
import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import simplejpeg
import torch
from loguru import logger
from torch import Tensor
from tqdm import tqdm

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.images.letterbox import letterbox_scale, resize_to_fit, resized
from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.system.files import (
    remove_leftovers,
    require_space,
    size_text,
    write_atomically,
)
from yolox_ela.system.machine import available_memory, usable_cores

PIECE = 2**26  # bytes of a file for which one checksum is computed
RAM_SHARE = 0.5  # share of the free memory that an automatically chosen cache may take


class Images(Protocol):
    """Images by their position in a split, each resized so that it just fits into the input."""

    @property
    def image_size(self) -> ImageSize:
        """Size of the network's input."""
        ...

    def __getitem__(self, index: int) -> np.ndarray:
        """The image as (H, W, 3) uint8 BGR; callers must not write to it.

        Raises:
            UserError: the image cannot be read.
        """
        ...


@dataclass(frozen=True)
class ImageFiles:
    """Images that are decoded and resized at each access.

    Attributes:
        split: the images.
        image_size: size of the network's input.
    """

    split: VocSplit
    image_size: ImageSize

    def __getitem__(self, index: int) -> np.ndarray:
        """Read one image; see `Images`."""
        return resize_to_fit(self.split.read(index), self.image_size)[0]


@dataclass(frozen=True)
class ImageBank:
    """Decoded images in one array, which loader processes share.

    Attributes:
        pixels: (bytes,) uint8 on the CPU, the images one after the other, row by row, BGR.
        starts: (I,) int64, the position in `pixels` at which each image begins.
        sizes: (I, 2) int64 width and height of each image in pixels.
        image_size: size of the network's input, into which each image just fits.
        file: the file that is mapped as `pixels`; None if they are in memory.
    """

    pixels: Tensor
    starts: np.ndarray
    sizes: np.ndarray
    image_size: ImageSize
    file: Path | None = None

    def __getitem__(self, index: int) -> np.ndarray:
        """A view of one image; see `Images`."""
        (width, height), start = self.sizes[index], self.starts[index]
        flat = self.pixels.numpy()[start : start + 3 * width * height]
        return flat.reshape(height, width, 3)

    def __reduce__(self) -> tuple:
        """Send the bank to a process that is not forked: it maps the file, or shares the memory."""
        if self.file is not None:
            return _map_bank, (self.file, self.starts, self.sizes, self.image_size)
        return ImageBank, (self.pixels, self.starts, self.sizes, self.image_size)


def choose_cache(split: VocSplit, image_size: ImageSize, cache: str, *, processes: int = 1) -> str:
    """Choose where decoded images are kept: `ram`, `disk` or `off`.

    `auto` becomes `ram` if half of the free memory is enough, and otherwise `off`.

    Args:
        split: the images and their sizes.
        image_size: size of the network's input, into which each image is resized.
        cache: one of `choices.CACHES`; `auto` is `ram` if half of the free memory is enough, else
            `off`.
        processes: number of processes on this machine that keep the images in their own memory.

    Raises:
        UserError: `ram` was asked for and there is too little free memory.
    """
    if cache in ("disk", "off"):
        return cache
    need, free = bank_bytes(split, image_size) * processes, available_memory()
    size, room = size_text(need), size_text(free)
    if cache == "ram" and need > free:
        raise UserError(
            f"decoded images take {size}, and {room} of memory are free: use --cache disk, or off"
        )
    if cache == "auto" and need > RAM_SHARE * free:
        logger.info(
            "images are decoded anew for every sample: decoded they would take {} of {} free; "
            "--cache disk keeps them in a file",
            size,
            room,
        )
        return "off"
    logger.info("images are decoded once and kept in memory: {}", size)
    return "ram"


def open_images(split: VocSplit, image_size: ImageSize, cache: str, folder: Path) -> Images:
    """The images of a split.

    Args:
        split: the images and their sizes.
        image_size: size of the network's input, into which each image is resized.
        cache: `ram` decodes all images at the start; `disk` decodes them into a file that later
            runs map; `off` decodes an image at each access.
        folder: the folder for the files of `disk`; it is created if necessary.

    Raises:
        UserError: an image cannot be read, or there is too little space on the disk.
    """
    if cache == "disk":
        return disk_bank(split, image_size, folder)
    return memory_bank(split, image_size) if cache == "ram" else ImageFiles(split, image_size)


def bank_bytes(split: VocSplit, image_size: ImageSize) -> int:
    """Size of a split's decoded images in bytes."""
    return int(_fitted_sizes(split, image_size).prod(axis=1).sum()) * 3


def memory_bank(split: VocSplit, image_size: ImageSize) -> ImageBank:
    """Decode all images into memory.

    Raises:
        UserError: an image cannot be read, or has another size than the split states.
    """
    starts, sizes = _layout(split, image_size)
    bank = ImageBank(
        torch.empty(bank_bytes(split, image_size), dtype=torch.uint8), starts, sizes, image_size
    )
    _decode_into(bank, split)
    return bank


def disk_bank(split: VocSplit, image_size: ImageSize, folder: Path) -> ImageBank:
    """Map the file of decoded images; decode them if it is missing or damaged.

    The file's name depends on the contents of the images, not on their paths. Its checksums are
    verified whenever it is opened, which takes about a second for a few gigabytes.

    Raises:
        UserError: an image cannot be read, or the disk is full.
    """
    digest = _contents_digest(split, image_size)
    path = folder / f"images_{InputSize.of(image_size)}_{digest.hex()[:16]}.bin"
    starts, sizes = _layout(split, image_size)
    length = bank_bytes(split, image_size)
    trailer = len(digest) + 4 * len(_pieces(length))
    if not _is_intact(path, length, digest):
        remove_leftovers(folder)  # also of other images, since these files are large
        require_space(path, length)
        logger.info("decoding images into {}: {}", path, size_text(length))

        def write(temporary: Path) -> None:
            _allocate(temporary, length + trailer)
            mapped = np.memmap(temporary, np.uint8, "r+", shape=(length + trailer,))
            _decode_into(ImageBank(torch.from_numpy(mapped), starts, sizes, image_size), split)
            end = digest + _checksums(mapped[:length])
            mapped[length:] = np.frombuffer(end, np.uint8)
            mapped.flush()

        write_atomically(path, write)
    else:
        logger.info("decoded images: {}", path)
    return _map_bank(path, starts, sizes, image_size)


def _allocate(path: Path, size: int) -> None:
    """Reserve a file of this size in bytes.

    Raises OSError if the disk is full; writing to a mapped file would end the process instead.
    """
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)


def _map_bank(
    path: Path, starts: np.ndarray, sizes: np.ndarray, image_size: ImageSize
) -> ImageBank:
    length = int((starts[-1:] + sizes[-1:].prod(axis=1) * 3).sum())
    pixels = torch.from_file(str(path), shared=False, size=length, dtype=torch.uint8)
    return ImageBank(pixels, starts, sizes, image_size, path)


def _is_intact(path: Path, length: int, digest: bytes) -> bool:
    """Whether the file exists, holds these images, and its checksums are right."""
    end = len(digest) + 4 * len(_pieces(length))
    try:
        if not path.exists():
            return False
        if path.stat().st_size == length + end:
            mapped = np.memmap(path, np.uint8, "r")
            if mapped[length:].tobytes() == digest + _checksums(mapped[:length]):
                return True
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}; delete it, name another folder by "
            "YOLOX_ELA_CACHE, or use --cache off"
        ) from error
    logger.warning("{} is damaged: images are decoded anew", path)
    return False


def _checksums(content: np.ndarray) -> bytes:
    """CRC-32 of each piece of the content, computed in threads."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        sums = pool.map(lambda piece: zlib.crc32(content[piece].data), _pieces(len(content)))
        return np.array(list(sums), np.uint32).tobytes()


def _pieces(length: int) -> list[slice]:
    return [slice(start, min(length, start + PIECE)) for start in range(0, length, PIECE)]


def _contents_digest(split: VocSplit, image_size: ImageSize) -> bytes:
    """A hash of all images and of the libraries that decode and resize them."""
    by = f"OpenCV {cv2.__version__}, simplejpeg {simplejpeg.__version__}"
    digest = hashlib.sha256(f"{by}, {InputSize.of(image_size)}, {split.values}".encode())
    if len(split.hashes) != len(split):
        raise ValueError("images whose contents are not known cannot be kept on disk")
    digest.update(split.hashes.tobytes())
    return digest.digest()


def _fitted_sizes(split: VocSplit, image_size: ImageSize) -> np.ndarray:
    """(I, 2) int64 width and height of the resized images."""
    fitted = [resized(size, letterbox_scale(size, image_size)) for size in split.sizes]
    return np.array(fitted, dtype=np.int64).reshape(-1, 2)


def _layout(split: VocSplit, image_size: ImageSize) -> tuple[np.ndarray, np.ndarray]:
    sizes = _fitted_sizes(split, image_size)
    ends = np.cumsum(sizes.prod(axis=1) * 3)
    return np.concatenate([[0], ends[:-1]]).astype(np.int64), sizes


def _decode_into(bank: ImageBank, split: VocSplit) -> None:
    files = ImageFiles(split, bank.image_size)

    def decode(index: int) -> None:
        bank[index][:] = files[index]

    with ThreadPoolExecutor(usable_cores()) as pool:  # OpenCV lets other threads run
        everything: Sequence[int] = range(len(split))
        for _ in tqdm(
            pool.map(decode, everything),
            "decoding",
            total=len(split),
            unit="image",
            leave=False,
            disable=None,
        ):
            pass
