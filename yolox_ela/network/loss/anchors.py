"""Anchors: the cells of a network's maps, each of which predicts one box."""

from typing import NamedTuple

import torch
from torch import Tensor


class Anchors(NamedTuple):
    """The A cells of all maps.

    Attributes:
        cells: (A, 2) column and row of each cell in its map.
        strides: (A, 1) distance between neighbouring cells in pixels.
        levels: number of maps.
    """

    cells: Tensor
    strides: Tensor
    levels: int


def decode(raw: Tensor, cells: Tensor, strides: Tensor | int) -> Tensor:
    """Convert the network's raw boxes to pixels.

    Args:
        raw: (..., A, 4+) offsets of the centre and logarithms of the size in cells; further columns
            are returned unchanged.
        cells: (A, 2) column and row of each cell.
        strides: (A, 1) pixels per cell, or one number.

    Returns:
        (..., A, 4+) centre x, centre y, width, height in pixels, and the further columns.
    """
    centres = (raw[..., :2] + cells) * strides
    sizes = raw[..., 2:4].exp() * strides
    return torch.cat([centres, sizes, raw[..., 4:]], dim=-1)


def encode(boxes: Tensor, cells: Tensor, strides: Tensor | int) -> Tensor:
    """The inverse of `decode` for (..., A, 4) boxes; 1e-8 keeps logarithms finite."""
    centres = boxes[..., :2] / strides - cells
    sizes = torch.log(boxes[..., 2:] / strides + 1e-8)
    return torch.cat([centres, sizes], dim=-1)
