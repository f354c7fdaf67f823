"""Data of a single set, of which a share is set aside for evaluation; nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from yolox_ela.datasets.divide import PARTS, divide
from yolox_ela.datasets.problems import Problem
from yolox_ela.datasets.readers.reader import Reader, ReadSet, unknown_set
from yolox_ela.datasets.readers.yolo import YoloReader
from yolox_ela.datasets.verification import verify_images
from yolox_ela.datasets.whole import existing_sets
from yolox_ela.errors import UserError

TRAIN, VAL = PARTS[2]
SEED = 0  # as `dataset split` has it, so that all runs on the data evaluate the same images


class DividedReader:
    """The sets `train` and `val` of data that have one set; see `Reader`.

    The division depends on the data alone: neither on the classes that are read, nor on their
    order, nor on the seed of a training.

    Args:
        reader: the data.
        fraction: the share of `val`, between 0 and 1.

    Raises:
        UserError: the data have several sets.
    """

    def __init__(self, reader: Reader, fraction: float) -> None:
        there = _different_sets(reader)
        if len(there) != 1:
            raise UserError(
                f"val_fraction divides data of a single set, but {reader.root} ({reader.layout}) "
                f"has {', '.join(there) or 'none'}: leave it out (or set it to 0) and name sets, "
                "as in: train_sets train test_sets val"
            )
        self._reader, self._source, self._fraction = reader, there[0], fraction
        self.root, self.named = reader.root, reader.named
        self.layout, self.headline = reader.layout, reader.headline
        self.fields: Mapping[str, str] = {**reader.fields, "val_fraction": f"{fraction:g}"}

    def sets(self) -> list[str]:
        """See `Reader`."""
        return [TRAIN, VAL]

    def default_sets(self) -> tuple[list[str], list[str]]:
        """See `Reader`."""
        return [TRAIN], [VAL]

    def class_names(self, sets: Sequence[str]) -> tuple[str, ...]:
        """The classes of both parts, since a rare one may be in one of them only."""
        return self._reader.class_names([self._source])

    def read(self, name: str, classes: Sequence[str], *, ignore_others: bool = False) -> ReadSet:
        """See `Reader`; problems of the other part's images are left out."""
        if name not in self.sets():
            raise unknown_set(name, self.sets(), self.root)
        whole = self._reader.read(self._source, classes, ignore_others=ignore_others)
        images = [image for image in whole.images if self._part_of.get(image.id) == name]
        own = {image.path.stem for image in images}
        others = {image.path.stem for image in whole.images} - own

        def is_others(problem: Problem) -> bool:
            return problem.file.stem in others

        problems = [problem for problem in whole.problems if not is_others(problem)]
        return replace(whole, images=images, problems=problems)

    @cached_property
    def _part_of(self) -> dict[str, str]:
        """The part of each image, by its id."""
        names = self.class_names([self._source])
        images = self._reader.read(self._source, names, ignore_others=True).images
        if not images:  # reading the parts says why
            return {}
        pixels = verify_images([image.path for image in images]).pixels.tolist()
        parts = divide(images, pixels, (1 - self._fraction, self._fraction), SEED)
        named = zip(self.sets(), parts, strict=True)
        return {images[at].id: name for name, part in named for at in part}


def _different_sets(reader: Reader) -> list[str]:
    """The sets that exist; of those that a data.yaml gives the same images, the first."""
    there = existing_sets(reader)
    if not isinstance(reader, YoloReader):
        return there
    first: dict[tuple[Path, ...], str] = {}
    for name in there:
        first.setdefault(tuple(reader.yaml.places(name)), name)
    return list(first.values())
