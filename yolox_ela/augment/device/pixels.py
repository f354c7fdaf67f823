"""The pixels of a batch of samples from its plans: `render.render` in torch, without a loop."""

from dataclasses import dataclass

import torch
from torch import Tensor

from yolox_ela.augment.device.colour import shift_inside
from yolox_ela.augment.device.plans import PlanBatch
from yolox_ela.images.letterbox import PAD_VALUE


@dataclass(frozen=True)
class DeviceBank:
    """All images of a set on one device, each resized so that it just fits into the input.

    Attributes:
        pixels: (bytes,) uint8, the images one after the other, row by row, pixel by pixel, BGR.
        starts: (I,) int64, the position in `pixels` at which each image begins.
        sizes: (I, 2) int64 width and height.
    """

    pixels: Tensor
    starts: Tensor
    sizes: Tensor


def render_batch(plans: PlanBatch, bank: DeviceBank) -> Tensor:
    """Render B samples, equal to those of `render.render` with OpenCV 5.

    OpenCV's arithmetic is reproduced exactly, but for differences of 1 grey level in the last
    columns (fewer than 32) of samples without mosaic; see `colour.shift_hsv`.

    Nothing is sent back to the host, and shapes depend on B, H and W alone, so that a CUDA graph
    can capture the function and `torch.compile(fullgraph=True)` compile it in one piece. Compiled,
    it takes three kernels, or with `options={"max_complex_pointwise_cat_inputs": 0}` two, of which
    one is tiny, and needs no memory beside the result. Uncompiled, it takes about 350 kernels, and
    130 bytes of memory for each pixel beside bank and result: 0.85 GB for 16 samples of 640 x 640.

    Args:
        plans: the samples' plans, on the device of the bank, which must support float64.
        bank: the images, resized for the size (H, W) of the plans.

    Returns:
        (B, 3, H, W) uint8 BGR in channels_last memory.
    """
    planes, inside = _warp(plans, bank)
    # Without mosaic the padding keeps its colour. Each pixel is then a copy of one pixel of the
    # canvas, so `inside` is true exactly within the image.
    shifted = plans.hsv.any(dim=1)[:, None, None] & (inside | plans.mosaics[:, None, None])
    return shift_inside(planes, plans.hsv, shifted)


def _warp(plans: PlanBatch, bank: DeviceBank) -> tuple[list[Tensor], Tensor]:
    """The samples before the shift of colours.

    Returns:
        Blue, green and red, each (B, H, W) int32 in [0, 255]; and (B, H, W) bool, True where the
        canvas pixel to the upper left of the sample's pixel is in a tile.
    """
    canvas = _Canvas(plans, bank)
    x, y = _canvas_positions(plans)
    left, top = x.floor(), y.floor()
    across, down = (x - left).double(), (y - top).double()
    column, row = left.int(), top.int()
    corner, inside = canvas.at(column, row)
    upper = _blend(corner, canvas.at(column + 1, row)[0], across)
    lower = _blend(canvas.at(column, row + 1)[0], canvas.at(column + 1, row + 1)[0], across)
    return [plane.round().int() for plane in _blend(upper, lower, down)], inside


def _canvas_positions(plans: PlanBatch) -> tuple[Tensor, Tensor]:
    """x and y on the canvas, each (B, H, W) float32, of every pixel of the samples.

    OpenCV computes in float32 and rounds the product for a row before it adds the product for a
    column, which it does not round. float64 gives the same values, also if a compiler fuses steps.
    """
    down, across = (
        torch.arange(side, dtype=torch.int32, device=plans.mirrors.device) for side in plans.size
    )
    mirrors = plans.mirrors[:, None]
    columns = torch.where(across < mirrors, mirrors - 1 - across, across)  # (B, W)
    by_column, by_row, shift = plans.inverses.split(1, dim=2)  # (B, 2, 1)
    of_row = (by_row.double() * down).float() + shift  # (B, 2, H)
    of_column = by_column.double() * columns[:, None]
    x, y = (of_column[:, :, None] + of_row[..., None]).float().unbind(1)
    return x, y


def _blend(first: list[Tensor], second: list[Tensor], share: Tensor) -> list[Tensor]:
    """first + share * (second - first) of float32 planes, rounded once like a fused multiply-add.

    `share` is float64.
    """
    return [(share * (b - a) + a).float() for a, b in zip(first, second, strict=True)]


class _Canvas:
    """The canvas of each sample, whose pixels are looked up in the bank; grey outside the tiles."""

    def __init__(self, plans: PlanBatch, bank: DeviceBank) -> None:
        self.channels = bank.pixels.view(-1, 3).unbind(1)
        self.x, self.y = plans.centers[:, :, None, None].unbind(1)
        # Quadrants are numbered across the batch, four to a sample, from its top left one on.
        self.top_left = 4 * torch.arange(len(plans), dtype=torch.int32, device=self.x.device)
        self.widths, self.heights = plans.extents.view(-1, 2).unbind(1)
        strides = bank.sizes[plans.images, 0]
        x, y = plans.offsets.unbind(2)
        # The position in the bank of the canvas' pixel (0, 0), as if the tile's image extended to
        # it; int64, because a bank may have more than 2^31 pixels.
        self.origins = (bank.starts[plans.images] // 3 - y * strides - x).view(-1)
        self.strides = strides.int().view(-1)

    def at(self, x: Tensor, y: Tensor) -> tuple[list[Tensor], Tensor]:
        """Look pixels up.

        Args:
            x: (B, H, W) int32 columns of the canvas; they may lie outside it.
            y: (B, H, W) int32 rows of the canvas; they may lie outside it.

        Returns:
            Blue, green and red, each (B, H, W) float32; and (B, H, W) bool, True inside a tile.
        """
        right, down = x - self.x, y - self.y
        quadrant = self.top_left[:, None, None] + (right >= 0) + 2 * (down >= 0).int()
        inside = _from_center(right) < self.widths[quadrant]
        inside &= _from_center(down) < self.heights[quadrant]
        place = self.origins[quadrant] + (y * self.strides[quadrant] + x)
        place = torch.where(inside, place, 0)
        return [torch.where(inside, c[place], PAD_VALUE).float() for c in self.channels], inside


def _from_center(distance: Tensor) -> Tensor:
    """The number of pixels between a pixel and the centre, which the pixels -1 and 0 touch."""
    return torch.where(distance < 0, -1 - distance, distance)
