"""Arrays as values that JSON can hold."""

import math

import numpy as np

DECIMALS = 5  # of a score in 0-1, whose third decimal is already noise


def plain_number(value: float) -> float | None:
    """A number rounded to `DECIMALS`; None for NaN and infinity, which JSON lacks."""
    return round(float(value), DECIMALS) if math.isfinite(value) else None


def plain_list(values: np.ndarray) -> list[float | None]:
    """The same for each element of an (N,) array."""
    return [plain_number(value) for value in values.tolist()]
