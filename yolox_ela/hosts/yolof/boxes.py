"""The anchors of YOLOF, and predicted boxes from them."""

import math

import torch
from torch import Tensor
from torchvision.ops import box_convert

SIDES = (32, 64, 128, 256, 512)  # of the square anchors at each place, in pixels of the input
LARGEST_SHIFT = 32.0  # of a predicted centre from its anchor's, in pixels
LARGEST_GROWTH = math.log(1000 / 16)  # of a side, as a logarithm: training cannot overflow


def anchor_boxes(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """The anchors of a map: (H W A, 4) centre x, centre y, width, height in pixels of the input.

    Each is centred in its place of the map; places row by row, their anchors from small to large.
    """
    y = (torch.arange(height, device=device) + 0.5) * stride
    x = (torch.arange(width, device=device) + 0.5) * stride
    sides = torch.tensor(SIDES, dtype=torch.float32, device=device)
    y, x, sides = torch.meshgrid(y, x, sides, indexing="ij")
    return torch.stack([x, y, sides, sides], -1).reshape(-1, 4)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Predicted boxes (N, A, 4) x1, y1, x2, y2 in pixels.

    Args:
        deltas: (N, A, 4) shift of the centre in anchor sides (at most `LARGEST_SHIFT` pixels), and
            logarithm of width and height in anchor sides.
        anchors: (A, 4); see `anchor_boxes`.
    """
    shift, growth = deltas.float().split(2, -1)
    centre, side = anchors.split(2, -1)
    centre = centre + (shift * side).clamp(-LARGEST_SHIFT, LARGEST_SHIFT)
    side = side * growth.clamp(max=LARGEST_GROWTH).exp()
    return box_convert(torch.cat([centre, side], -1), "cxcywh", "xyxy")
