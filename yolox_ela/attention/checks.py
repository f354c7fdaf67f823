"""Checks of the number of channels that an attention module is built for."""

from numbers import Integral
from typing import Any

MOST = 2**31 - 1


def require_channels(module: str, channels: Any) -> None:
    """Raise TypeError or ValueError unless `channels` is a number of channels."""
    if not isinstance(channels, Integral) or isinstance(channels, bool):
        said = f"not a {type(channels).__name__}"
        raise TypeError(f"{module}: channels must be a whole number, {said}")
    if not 1 <= int(channels) <= MOST:
        raise ValueError(f"{module}: channels must be from 1 to {MOST:,}")


def require_divisible(module: str, channels: int, divisor: int, what: str) -> None:
    """Raise ValueError naming both numbers unless `divisor` divides `channels`.

    Raises:
        TypeError: `channels` is no number.
    """
    require_channels(module, channels)
    if divisor < 1 or channels % divisor:
        raise ValueError(
            f"{module}: {channels} channels cannot be divided into {divisor} {what}; "
            f"choose a divisor of {channels}"
        )
