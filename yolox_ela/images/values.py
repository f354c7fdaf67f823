"""Converting pixel values of more than 8 bits to 8 bits.

Files of 16 bits often hold only 10 or 12 bits of data, and floating-point files mostly values from
0 to 1. The largest value of a whole data set decides which value is white. This decision is made
once, stored with the weights that are trained on the data, and used again for their predictions.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np

from yolox_ela.errors import UserError

BITS = (8, 10, 12, 14, 16)


class ValueRange(NamedTuple):
    """The values that become 255; files of 8 bits are used unchanged.

    Attributes:
        integers: white in files of integers of more than 8 bits; 0 if there were no such files.
        floats: white in files of floating-point numbers; 0 if there were no such files.
    """

    integers: float = 0.0
    floats: float = 0.0

    @classmethod
    def holding(cls, largest: Iterable["ValueRange"]) -> "ValueRange":
        """The range of a set of pictures, from the largest values of each.

        Raises:
            UserError: a value needs more than 16 bits, or floats end between 1 and 2, so that it
                is unclear whether 1 or 255 is white.
        """
        integers, floats = np.max([(0.0, 0.0), *largest], axis=0).tolist()
        if 1 < floats <= 2:
            raise UserError(
                f"floats up to {floats:g}: is white 1 or 255? Scale or clip them to 0-1 or to 0-255"
            )
        return cls(_white(integers), 1.0 if 0 < floats <= 1 else _white(floats))

    @classmethod
    def recorded(cls, content: Mapping[str, Any]) -> "ValueRange":
        """The range in a checkpoint's content; undecided if it has none."""
        return cls(*content.get("value_range", ()))

    def joined(self, other: "ValueRange") -> "ValueRange":
        """The larger range of the two, for integers and floats separately."""
        return ValueRange(*map(max, self, other))

    def __str__(self) -> str:
        kinds = (("whole numbers of more than 8 bits", self.integers), ("floats", self.floats))
        parts = [f"in files of {kind} {white:g} is white" for kind, white in kinds if white]
        return "; ".join(parts) or "8 bits"


UNDECIDED = ValueRange()


def largest_value(pixels: np.ndarray) -> ValueRange:
    """The largest value of a picture of more than 8 bits; undecided for a picture of 8 bits.

    Raises:
        UserError: a value is negative or not finite.
    """
    if pixels.dtype == np.uint8:
        return UNDECIDED
    is_float = pixels.dtype.kind == "f"
    if is_float and not np.isfinite(pixels).all():
        raise UserError("it has values that are not finite (NaN or infinite)")
    if pixels.min() < 0:
        raise UserError(f"it has negative values (down to {pixels.min():g})")
    largest = float(pixels.max())
    return ValueRange(floats=largest) if is_float else ValueRange(integers=largest)


def to_eight_bits(pixels: np.ndarray, values: ValueRange) -> np.ndarray:
    """Pixels scaled to 0-255 and rounded.

    Args:
        pixels: (H, W) or (H, W, 3) of any depth.
        values: the values that become 255; where undecided, the picture's own largest value
            decides.

    Returns:
        uint8 of the same shape.

    Raises:
        UserError: a value is beyond the range, negative or not finite.
    """
    if pixels.dtype == np.uint8:
        return pixels
    largest = largest_value(pixels)
    own = ValueRange.holding([largest])
    at = 1 if pixels.dtype.kind == "f" else 0
    white = values[at] or own[at] or 1.0  # 1 for a picture that is black throughout
    if largest[at] > white:
        raise UserError(
            f"it has values up to {largest[at]:g}, and {white:g} is white in the data that the "
            "weights were trained on; scale it to the same range"
        )
    exact = pixels if pixels.dtype == np.uint16 else pixels.astype(np.float32)
    return cv2.convertScaleAbs(exact, alpha=255 / white)


def _white(largest: float) -> float:
    """The largest number with the smallest bit depth that can hold a value; 0 for 0."""
    for bits in BITS:
        if largest <= 2**bits - 1:
            return float(2**bits - 1) if largest else 0.0
    raise UserError(f"values up to {largest:g} take more than {BITS[-1]} bits; scale them")
