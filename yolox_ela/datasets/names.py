"""The twenty classes of Pascal VOC, and the names of its sets."""

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
