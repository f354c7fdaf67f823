"""Verified photographs with one annotation each: a label, or a mask in a file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from yolox_ela.datasets.problems import format_problems
from yolox_ela.datasets.split import rows_of_ids
from yolox_ela.datasets.verification import read_unchanged, verify_images
from yolox_ela.errors import UserError
from yolox_ela.images.read import decode, to_bgr
from yolox_ela.images.values import UNDECIDED, ValueRange


@dataclass(frozen=True)
class Photos:
    """I photographs.

    Attributes:
        classes: names of the classes.
        ids: (I,) names of the images.
        paths: their files.
        labels: (I,) int64 index into `classes`; -1 where the annotation is a mask.
        hashes: (I,) SHA-256 of each file in hexadecimal, as bytes.
        stamps: (I, 3) size and times of each file; see `stamp_of`.
        masks: the files of the masks, as many as images; none for labels.
        mask_hashes: (I,) SHA-256 of each of them.
        values: the values that are white in images of more than 8 bits.
    """

    classes: tuple[str, ...]
    ids: np.ndarray
    paths: list[Path]
    labels: np.ndarray
    hashes: np.ndarray
    stamps: np.ndarray
    masks: list[Path] = field(default_factory=list)
    mask_hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, "S64"))
    values: ValueRange = UNDECIDED

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, index: int) -> np.ndarray:
        """The pixels of an image: (H, W, 3) uint8 RGB.

        Raises:
            UserError: the file cannot be read, or has changed since it was verified.
        """
        path = self.paths[index]
        data = read_unchanged(path, self.stamps[index], self.hashes[index])
        return cv2.cvtColor(to_bgr(decode(data, path).pixels, self.values, path), cv2.COLOR_BGR2RGB)

    def object_hashes(self) -> np.ndarray:
        """(I,) a hash of each image's annotation in hexadecimal, as bytes."""
        if self.masks:
            return self.mask_hashes
        names = [self.classes[label].encode("utf-8", "surrogatepass") for label in self.labels]
        return np.array([hashlib.sha256(name).hexdigest() for name in names], "S64")

    def fingerprint(self) -> str:
        """A hash of names, annotations and files, to detect data that change during a run."""
        return hashlib.sha256(
            self.labels_fingerprint().encode() + self.hashes.tobytes()
        ).hexdigest()

    def labels_fingerprint(self) -> str:
        """A hash of names and annotations, without image files."""
        names = "\n".join([*self.classes, "", *self.ids.tolist()])
        digest = hashlib.sha256(names.encode("utf-8", "surrogatepass"))
        digest.update(self.object_hashes().tobytes())
        return digest.hexdigest()

    def first(self, count: int) -> "Photos":
        """The first photographs, of all classes in turn where they have labels."""
        turn = np.zeros(len(self), np.int64)  # the how-manieth of its class an image is
        for label in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == label)
            turn[rows] = np.arange(len(rows))
        return self.subset(np.sort(np.argsort(turn, kind="stable")[:count]).tolist())

    def subset_of_ids(self, ids: Sequence[str]) -> "Photos":
        """Only the photographs of these ids; UserError for an id that there is not."""
        return self.subset(rows_of_ids(ids, self.ids))

    def subset(self, keep: Sequence[int]) -> "Photos":
        """The photographs at these positions, in this order."""
        keep = list(keep)
        return Photos(
            self.classes,
            self.ids[keep],
            [self.paths[i] for i in keep],
            self.labels[keep],
            self.hashes[keep],
            self.stamps[keep],
            [self.masks[i] for i in keep] if self.masks else [],
            self.mask_hashes[keep] if self.masks else self.mask_hashes,
            self.values,
        )


def verified(
    classes: Sequence[str],
    ids: Sequence[str],
    paths: Sequence[Path],
    labels: np.ndarray,
    masks: Sequence[Path] = (),
) -> Photos:
    """Photographs of which every file is an undamaged image.

    Raises:
        UserError: one is not; lists the first ten.
    """
    checked = verify_images([*paths, *masks])
    errors = [problem for problem in checked.problems if problem.kind == "unreadable image"]
    if errors:
        raise UserError(
            f"{len(errors)} images cannot be used:\n{format_problems(errors[:10])}\n"
            "fix or remove these files"
        )
    count = len(paths)
    return Photos(
        tuple(classes),
        np.array(ids, str),
        list(paths),
        labels,
        checked.hashes[:count],
        checked.stamps[:count],
        list(masks),
        checked.hashes[count:],
        checked.range_of_values(UNDECIDED, "images"),
    )
