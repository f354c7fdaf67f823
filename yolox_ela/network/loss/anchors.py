"""Anchors: the cells of a network's maps, each of which predicts one box."""

from typing import NamedTuple

import torch
from torch import Tensor


class Anchors(NamedTuple):
    """The cells of all maps, A together.

    Attributes:
        cells: (A, 2) column and row of each in its map.
        strides: (A, 1) pixels from cell to cell.
        levels: number of maps.
    """

    cells: Tensor
    strides: Tensor
    levels: int


def decode(raw: Tensor, cells: Tensor, strides: Tensor | int) -> Tensor:
    """(..., A, 4+) offsets in cells and log sizes -> centres and sizes in pixels; more passes."""
    centres = (raw[..., :2] + cells) * strides
    sizes = raw[..., 2:4].exp() * strides
    return torch.cat([centres, sizes, raw[..., 4:]], dim=-1)


def encode(boxes: Tensor, cells: Tensor, strides: Tensor | int) -> Tensor:
    """(..., A, 4) centres and sizes in pixels -> what decodes to them; 1e-8 keeps logs finite."""
    centres = boxes[..., :2] / strides - cells
    sizes = torch.log(boxes[..., 2:] / strides + 1e-8)
    return torch.cat([centres, sizes], dim=-1)
