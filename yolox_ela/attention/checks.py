"""Checks of the numbers that an attention module is built with."""

from numbers import Integral
from typing import Any

MOST = 2**31 - 1
LONGEST_KERNEL = 2 * 1024 - 1  # maps have at most 1,024 rows: inputs 8,192, strides 8 or more


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


def require_kernel(module: str, size: int, keeps: str, most: int = LONGEST_KERNEL) -> None:
    """Raise ValueError unless a kernel of this size keeps the map as it is, and is not too long.

    Args:
        module: the module's name, for the message.
        size: the number of the kernel's weights along the map.
        keeps: what an odd kernel keeps, for the message.
        most: the longest kernel all of whose weights can meet the map.
    """
    if size % 2 == 0:
        raise ValueError(f"{module}: kernel_size must be odd to keep the {keeps}, got {size}")
    if not 1 <= size <= most:
        raise ValueError(f"{module}: kernel_size must be from 1 to {most:,}, got {size}")
