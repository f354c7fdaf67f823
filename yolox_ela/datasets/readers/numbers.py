"""Numbers of annotations, read strictly: what is no plain number is refused, never guessed."""

import math
import re
from typing import Any

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


def number_in_text(text: str) -> float:
    """A number as text files have it; NaN for anything else, such as Python's 1_00 or inf."""
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else math.nan


def number_in_json(value: Any) -> float:
    """A number of a JSON file; NaN for texts, true, null and numbers that are not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value) if math.isfinite(value) else math.nan
    except OverflowError:  # an integer beyond a float's range
        return math.nan


def whole_number(value: Any) -> int | None:
    """An integer of a JSON file, also where it is written as 3.0; None for anything else."""
    number = number_in_json(value)
    return int(value) if number == number and float(value).is_integer() else None
