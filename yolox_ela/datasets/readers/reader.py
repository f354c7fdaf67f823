"""What a reader of a data set's format offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.names import nearest_set, role_of
from yolox_ela.datasets.problems import Problem
from yolox_ela.errors import UserError


@dataclass(frozen=True)
class ReadSet:
    """A set of images as its files have it.

    Attributes:
        images: those that can be used, in the set's order.
        problems: all that was found, short of decoding pixels.
        annotated: whether there are annotations; without them images can only be detected on.
        expected: where an annotation of the set would be, for the message that there is none.
        categories: the number of each class in a COCO JSON file, by name; empty in other formats.
    """

    images: list[CheckedImage]
    problems: list[Problem]
    annotated: bool = True
    categories: dict[str, int] | None = None
    expected: str = ""


class Reader(Protocol):
    """A data set in one of the formats.

    Attributes:
        root: the folder of the data set.
        named: what the user named: this folder, or a file in it.
        layout: the format in words, as in `COCO JSON`.
        headline: the AP by which a run's best weights are chosen; one of `METRICS`.
        fields: the recipe fields, with their values, that say how the data are to be read.
    """

    root: Path
    named: Path
    layout: str
    headline: str
    fields: Mapping[str, str]

    def sets(self) -> list[str]:
        """The names of the sets that there are, as `train_sets` and `test_sets` take them."""
        ...

    def default_sets(self) -> tuple[list[str], list[str]]:
        """The sets to train on and to evaluate on, where the recipe names none of this data.

        None where there is none; several where it cannot be told which is meant.
        """
        ...

    def class_names(self, sets: Sequence[str]) -> tuple[str, ...]:
        """The classes of these sets in the order that the data give them; none if they name none.

        Raises:
            UserError: there is no such set.
        """
        ...

    def read(self, name: str, classes: Sequence[str], *, ignore_others: bool = False) -> ReadSet:
        """A set's images and objects.

        Args:
            name: one of `sets`.
            classes: the class names that labels index.
            ignore_others: leave objects of other classes out instead of reporting each.

        Raises:
            UserError: there is no such set, or none of its files can be read.
        """
        ...


def sets_by_name(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Sets that could be meant for training and for evaluation, told by their names.

    `test...` is evaluated before `val...`. A lone set that is not called `train...` is evaluated.
    """
    train = [name for name in names if role_of(name) == "train"]
    tests = [name for name in names if role_of(name) == "test"]
    tests = tests or [name for name in names if role_of(name) == "val"]
    others = [name for name in names if role_of(name) is None]
    if len(names) == 1 and not train:
        return [], list(names)
    if not train and len(others) == 1:
        train = others
    return train, tests


def unknown_set(name: str, names: Sequence[str], root: Path) -> UserError:
    """The error for a set that does not exist."""
    said = f"{root} has no set '{name}'; it has {', '.join(names) or 'none'}"
    near = nearest_set(name, names)
    if near:
        return UserError(f"{said}: did you mean '{near}'?")
    return UserError(
        f"{said}: name them, as in: train_sets {names[0] if names else 'train'} "
        f"test_sets {names[-1] if names else 'val'}"
    )
