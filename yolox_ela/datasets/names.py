"""The twenty classes of Pascal VOC, and the names of sets."""

import difflib
from collections.abc import Sequence

from yolox_ela.errors import UserError

VOC_CLASSES: tuple[str, ...] = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""The class names in the official, alphabetical order; a label is an index into them."""


def parse_set(entry: str) -> tuple[str, str]:
    """Split the name of a set, such as `2007/trainval`, into year and split.

    Raises:
        UserError: the name does not have the form year/split.
    """
    year, slash, split = entry.partition("/")
    if not (year and slash and split) or "/" in split:
        raise UserError(f"a set must read year/split, as in 2007/trainval, not '{entry}'")
    return year, split


def role_of(name: str) -> str | None:
    """train, val or test by the beginning of a set's name, None for another name."""
    plain = name.lower().lstrip("_")
    for role in ("train", "val", "test"):
        if plain.startswith(role):
            return role
    return None


def nearest_set(name: str, names: Sequence[str]) -> str | None:
    """The set that a name without a set is likely to mean: one of the same role, as `valid` and
    `val` are, or else one that is spelled nearly like it.
    """
    role = role_of(name)
    alike = [other for other in names if role is not None and role_of(other) == role]
    near = difflib.get_close_matches(name.lower(), [other.lower() for other in alike or names], n=1)
    if near:
        return next(other for other in names if other.lower() == near[0])
    return alike[0] if alike else None
