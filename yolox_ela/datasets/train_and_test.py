"""What a set to train on and a set to evaluate on must be: not empty, disjoint, of one range."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from yolox_ela.datasets.load import check_command
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError


def require_objects(split: VocSplit, reader: Reader, sets: Sequence[str]) -> None:
    """Raise UserError if the sets to train on have no objects.

    Args:
        split: the images and objects of the sets.
        reader: the data, for the message.
        sets: names of the sets, for the message.
    """
    if not len(split.labels):
        raise UserError(
            f"nothing to train on: none of the {len(split)} images of {' + '.join(sets)} under "
            f"{reader.root} has an object; see {check_command(reader, sets, split.classes)}"
        )


def require_disjoint(train_split: VocSplit, test_split: VocSplit) -> None:
    """Raise UserError if images are in both sets, which would make the scores worthless.

    Images are compared by their pixels; names, folders and file formats do not matter.
    """
    shared, in_train, in_test = np.intersect1d(
        train_split.pixels, test_split.pixels, return_indices=True
    )
    if len(shared):
        at = in_train.argmin()
        first, second = train_split.paths[in_train[at]], test_split.paths[in_test[at]]
        same = str(first) if first == second else f"{first} has the pixels of {second}"
        remedy = "take them out of one of the split files"
        if len(shared) == len(train_split) == len(test_split):
            remedy = "give the images once, and add val_fraction 0.2 to set a part of them aside"
        raise UserError(
            f"{len(shared)} images are in the sets to train on and to evaluate on (first: "
            f"{same}); {remedy}"
        )


def share_values(train_split: VocSplit, test_split: VocSplit) -> tuple[VocSplit, VocSplit]:
    """Let both sets use the larger of their ranges of pixel values; returns them in this order."""
    values = train_split.values.joined(test_split.values)
    return replace(train_split, values=values), replace(test_split, values=values)
