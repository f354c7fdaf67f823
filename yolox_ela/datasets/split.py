"""A set of Pascal VOC in memory as flat arrays, and reading it from disk."""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from loguru import logger

from yolox_ela.datasets.inspection import CheckedImage, inspect_pictures, inspect_set
from yolox_ela.datasets.lists import IdSet, composed, named_id, read_lines
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.problems import Problem, Severity, format_problems, summarise_problems
from yolox_ela.datasets.verification import Verification, read_unchanged, real_path, verify_images
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
        digest = hashlib.sha256("\n".join(self.ids.tolist()).encode())
        for array in (self.sizes, self.offsets, self.boxes, self.labels, self.difficult):
            digest.update(array.tobytes())
        return digest.hexdigest()

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
        )

    def subset_of_ids(self, ids: Sequence[str]) -> "VocSplit":
        """The split with only the images of these ids, in the split's order.

        Raises:
            UserError: an id is not in the split.
        """
        unknown = sorted(set(ids) - set(self.ids.tolist()))
        if unknown:
            hint = "; one id a line" if len(unknown[0].split()) > 1 else ""
            raise UserError(
                f"{len(unknown)} image ids are not in the set (first: {unknown[0]}{hint})"
            )
        return self.subset(np.flatnonzero(np.isin(self.ids, list(ids))).tolist())


def load_split(
    root: Path,
    sets: Sequence[str],
    classes: Sequence[str],
    values: ValueRange = UNDECIDED,
) -> VocSplit:
    """Read the annotations of one or more sets, and verify every image.

    Args:
        root: a VOCdevkit, the folder that holds one, or a single folder in VOC layout.
        sets: names of the sets as `year/split`.
        classes: the class names; labels are indices into them.
        values: the values that are white in images of more than 8 bits, as a checkpoint records
            them; where undecided, the largest values of the sets decide.

    Raises:
        UserError: a file is missing or unfit for training; the message lists the files.
    """
    images: list[CheckedImage] = []
    problems: list[Problem] = []
    seen: dict[Path, str] = {}
    for entry in sets:
        of_set, found = inspect_set(root, entry, classes)
        problems += found
        for image in of_set:
            place = real_path(image.path)  # the folder of a year may be a link to that of another
            if place in seen:
                detail = f"in {seen[place]} and in {entry}"
                problems.append(Problem(image.path, "image in two sets", detail))
            seen[place] = entry
        images += of_set
    verified = verify_images([image.path for image in images])
    problems += verified.problems
    where = f"{' + '.join(sets)} under {root}"
    advice = f"the whole list: {check_command(root, sets, classes)}"
    if any(p.kind == "unknown class" for p in problems):
        advice = (
            f"the classes are {', '.join(classes)}: name the others as well (recipe field "
            f"'classes'), or take their objects out of the XML; {advice}"
        )
    _report(problems, where, advice)
    return _flat(images, classes, where, verified, values)


def load_pictures(
    root: Path, sets: Sequence[str], classes: Sequence[str], values: ValueRange = UNDECIDED
) -> VocSplit | None:
    """Read sets of images without annotations, such as VOC2012's test set, for detection only.

    Args:
        root: the data folder, as for `load_split`.
        sets: names of the sets as `year/split`.
        classes: the class names of the detector.
        values: see `load_split`.

    Returns:
        A split without objects; None if any image has an annotation.

    Raises:
        UserError: a set does not exist, or an image is missing or damaged.
    """
    images: list[CheckedImage] = []
    problems: list[Problem] = []
    for entry in sets:
        inspected = inspect_pictures(root, entry)
        if inspected is None:
            return None
        images += inspected[0]
        problems += inspected[1]
    verified = verify_images([image.path for image in images])
    where = f"{' + '.join(sets)} under {root}"
    _report([*problems, *verified.problems], where, "")
    return _flat(images, classes, where, verified, values)


def check_command(root: Path, sets: Sequence[str], classes: Sequence[str]) -> str:
    """The command that lists every problem of the sets, to be run in the checkout's folder."""
    names = ""
    if tuple(classes) != VOC_CLASSES:
        # The comma after a single name distinguishes it from the name of a file.
        listed = ",".join(classes) + ("," if len(classes) == 1 else "")
        is_plain = all("," not in name and name == name.strip() for name in classes)
        names = f" classes {shlex.quote(listed) if is_plain else 'FILE'}"
    return (
        f"python tools/dataset.py check --data {shlex.quote(str(Path(root).absolute()))} "
        f"--sets {' '.join(map(shlex.quote, sets))}{names}"
    )


def read_id_list(path: Path, split: VocSplit) -> list[str]:
    """Read image ids of a split from a text file, one in each line, by the rules of split files.

    A line that means none of the split's images is returned unchanged.

    Raises:
        UserError: there is no such file, or it names no images.
    """
    if not path.is_file():
        raise UserError(f"no list of image ids at {path}")
    lines = [line for line in read_lines(path) if line]
    if not lines:
        raise UserError(f"{path} names no image ids")
    known = IdSet(split.ids.tolist())
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


def _report(problems: Sequence[Problem], where: str, advice: str) -> None:
    """Raise UserError if there are errors; otherwise log the warnings."""
    errors = [p for p in problems if p.severity is Severity.ERROR]
    if errors:
        raise UserError(
            f"{len(errors)} problems in {where}:\n{format_problems(errors[:10])}\n"
            f"fix or remove these files; {advice}".rstrip("; ")
        )
    if problems:
        logger.warning(
            "{} warnings in {}:\n{}\n{}", len(problems), where, summarise_problems(problems), advice
        )


def _flat(
    images: Sequence[CheckedImage],
    classes: Sequence[str],
    where: str,
    verified: Verification,
    values: ValueRange,
) -> VocSplit:
    if not images:
        raise UserError(f"no images in {where}")
    counts = [len(image.labels) for image in images]
    return VocSplit(
        classes=tuple(classes),
        ids=np.array([image.id for image in images]),
        paths=np.array([str(image.path) for image in images]),
        sizes=np.array([image.size for image in images], dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        boxes=np.concatenate([image.boxes for image in images]).astype(np.float32),
        labels=np.concatenate([image.labels for image in images]),
        difficult=np.concatenate([image.difficult for image in images]),
        hashes=verified.hashes,
        stamps=verified.stamps,
        values=verified.range_of_values(values, where),
        pixels=verified.pixels,
    )
