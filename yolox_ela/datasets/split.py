"""A set of annotated images in memory, as flat arrays, whatever format it was read from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from loguru import logger

from yolox_ela.datasets.lists import IdSet, composed, named_id, read_lines
from yolox_ela.datasets.verification import read_unchanged
from yolox_ela.errors import UserError
from yolox_ela.images.read import decode, read_file, to_bgr
from yolox_ela.images.values import UNDECIDED, ValueRange


@dataclass(frozen=True)
class VocSplit:
    """A set of annotated images as flat arrays, which worker processes share without copying.

    Attributes:
        classes: the class names, which labels index.
        ids: (I,) image ids, as in the split files.
        paths: (I,) paths of the image files.
        sizes: (I, 2) int32 width and height.
        offsets: (I + 1,) int64; the objects of image i are rows offsets[i]:offsets[i + 1].
        boxes: (M, 4) float32, inside their image.
        labels: (M,) int64 index into `classes`.
        difficult: (M,) bool; ignored by VOC's evaluation.
        hashes: (I,) SHA-256 of each image file in hexadecimal, as bytes; empty where unknown.
        stamps: (I, 3) int64 size and times of each image file; see `stamp_of`.
        values: the values that are white in images of more than 8 bits.
        pixels: (I,) SHA-256 of each decoded picture, see `pixels_hash`; empty where unknown.
        crowd: (M,) bool; COCO's regions of many objects, which evaluation ignores.
        numbers: (I,) int64 ids of the images in a COCO JSON file, -1 where they are no numbers;
            empty for data in another format.
        categories: (C,) int64 ids of the classes there; empty for data in another format.
        headline: the AP by which weights are judged on these data; one of `METRICS`.
    """

    classes: tuple[str, ...]
    ids: np.ndarray
    paths: np.ndarray
    sizes: np.ndarray
    offsets: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, "S64"))
    stamps: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    values: ValueRange = UNDECIDED
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(0, "S64"))
    crowd: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    categories: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    headline: str = "ap50_voc07"

    def __post_init__(self) -> None:
        if len(self.crowd) != len(self.labels):  # none, in formats that do not know them
            object.__setattr__(self, "crowd", np.zeros(len(self.labels), bool))

    def __len__(self) -> int:
        return len(self.ids)

    def objects(self, index: int) -> slice:
        """The rows of an image's objects in `boxes`, `labels` and `difficult`."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def read(self, index: int) -> np.ndarray:
        """The pixels of an image: (H, W, 3) uint8 BGR.

        Raises:
            UserError: the file cannot be read, or has changed since the set was loaded.
        """
        path = Path(self.paths[index])
        if len(self.hashes):
            data = read_unchanged(path, self.stamps[index], self.hashes[index])
        else:
            data = read_file(path)
        pixels = to_bgr(decode(data, path).pixels, self.values, path)
        if (pixels.shape[1], pixels.shape[0]) != tuple(self.sizes[index].tolist()):
            raise UserError(
                f"image {path} is not of the {self.sizes[index].tolist()} pixels of its annotation"
            )
        return pixels

    def fingerprint(self) -> str:
        """A hash of ids, sizes, objects and files, to detect data that change during a run."""
        return hashlib.sha256(
            self.labels_fingerprint().encode() + self.hashes.tobytes()
        ).hexdigest()

    def labels_fingerprint(self) -> str:
        """A hash of ids, sizes and objects, without image files."""
        digest = hashlib.sha256("\n".join(self.ids.tolist()).encode("utf-8", "surrogatepass"))
        for array in (self.sizes, self.offsets, self.boxes, self.labels, self.difficult):
            digest.update(array.tobytes())
        if self.crowd.any():  # other data keep the hash that earlier versions recorded
            digest.update(self.crowd.tobytes())
        return digest.hexdigest()

    def object_hashes(self) -> np.ndarray:
        """(I,) a hash of each image's size and objects in hexadecimal, as bytes."""
        hashes = []
        for index in range(len(self)):
            here, digest = self.objects(index), hashlib.sha256(self.sizes[index].tobytes())
            for array in (self.boxes, self.labels, self.difficult):
                digest.update(array[here].tobytes())
            hashes.append(digest.hexdigest())
        return np.array(hashes, dtype="S64")

    def has_same_data(self, other: "VocSplit") -> bool:
        """Whether images and objects are equal; files are compared if both hashes are known."""
        if self.classes != other.classes or self.labels_fingerprint() != other.labels_fingerprint():
            return False
        both = len(self.hashes) and len(other.hashes)
        return not both or np.array_equal(self.hashes, other.hashes)

    def subset(self, keep: Sequence[int]) -> "VocSplit":
        """The split with only the images at these positions, in this order."""
        none = np.zeros(0, dtype=np.int64)
        rows = np.concatenate(
            [none, *(np.arange(self.offsets[i], self.offsets[i + 1]) for i in keep)]
        )
        counts = np.diff(self.offsets)[list(keep)]
        return VocSplit(
            self.classes,
            self.ids[list(keep)],
            self.paths[list(keep)],
            self.sizes[list(keep)],
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            self.boxes[rows],
            self.labels[rows],
            self.difficult[rows],
            self.hashes[list(keep)] if len(self.hashes) else self.hashes,
            self.stamps[list(keep)] if len(self.stamps) else self.stamps,
            self.values,
            self.pixels[list(keep)] if len(self.pixels) else self.pixels,
            self.crowd[rows],
            self.numbers[list(keep)] if len(self.numbers) else self.numbers,
            self.categories,
            self.headline,
        )

    def without_crowds(self) -> "VocSplit":
        """The same images without regions of many objects, from which nothing can be learned."""
        rows = np.flatnonzero(~self.crowd)
        if len(rows) == len(self.labels):
            return self
        offsets = np.concatenate([[0], np.cumsum(~self.crowd)])[self.offsets].astype(np.int64)
        return replace(
            self,
            offsets=offsets,
            boxes=self.boxes[rows],
            labels=self.labels[rows],
            difficult=self.difficult[rows],
            crowd=self.crowd[rows],
        )

    def subset_of_ids(self, ids: Sequence[str]) -> "VocSplit":
        """The split with only the images of these ids, in the split's order.

        Raises:
            UserError: an id is not in the split.
        """
        return self.subset(rows_of_ids(ids, self.ids))


def rows_of_ids(ids: Sequence[str], known: np.ndarray) -> list[int]:
    """The positions of the images of these ids, ascending.

    Args:
        ids: the ids of the images to keep.
        known: (I,) the ids of all.

    Raises:
        UserError: an id is not among them.
    """
    unknown = sorted(set(ids) - set(known.tolist()))
    if unknown:
        hint = "; one id a line" if len(unknown[0].split()) > 1 else ""
        raise UserError(f"{len(unknown)} image ids are not in the set (first: {unknown[0]}{hint})")
    return np.flatnonzero(np.isin(known, list(ids))).tolist()


def read_id_list(path: Path, known_ids: np.ndarray) -> list[str]:
    """Read image ids of a set from a text file, one in each line, by the rules of split files.

    A line that means none of the set's images is returned unchanged.

    Args:
        path: the file.
        known_ids: (I,) the ids of the set.

    Raises:
        UserError: there is no such file, or it names no images.
    """
    if not path.is_file():
        raise UserError(f"no list of image ids at {path}")
    lines = [line for line in read_lines(path) if line]
    if not lines:
        raise UserError(f"{path} names no image ids")
    known = IdSet(known_ids.tolist())
    ids = [named_id(line, known) or line for line in lines]
    odd = [pair for pair in zip(lines, ids, strict=True) if composed(pair[0]) != pair[1]]
    if odd:
        line, image_id = odd[0]
        logger.warning(
            "{}: {} lines hold more than an id; the first, '{}', is read as {}",
            path,
            len(odd),
            line,
            image_id,
        )
    return ids
