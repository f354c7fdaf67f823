"""The twenty classes of Pascal VOC."""

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
"""Names in the official order, which is alphabetical; the index is the class number."""


def parse_set(entry: str) -> tuple[str, str]:
    """`2007/trainval` -> year and split.

    Raises:
        UserError: it is not two words with a slash between.
    """
    year, slash, split = entry.partition("/")
    if not (year and slash and split) or "/" in split:
        raise UserError(f"a set must read year/split, as in 2007/trainval, not '{entry}'")
    return year, split
