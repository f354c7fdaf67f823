"""The plans of a batch of samples as tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from torch import Tensor

from yolox_ela.augment.plan import SamplePlan
from yolox_ela.input_size import InputSize


@dataclass(frozen=True)
class PlanBatch:
    """B plans, packed on the host by `pack` and sent to a device by `to`.

    A sample's canvas consists of four quadrants around a centre: top left, top right, bottom left
    and bottom right. Each quadrant has a tile in its inner corner, and is grey elsewhere. Without
    mosaic, the centre is the canvas' top left corner, and the tile lies in the bottom right
    quadrant. A quadrant without a tile has an extent of 0, and names image 0.

    Attributes:
        size: the size of the output.
        images: (B, 4) int64 index of each tile's image.
        offsets: (B, 4, 2) int32 x and y of the tile's image on the canvas.
        extents: (B, 4, 2) int32 width and height of the part of the canvas that the tile fills.
        scales: (B, 4) float32 resized over original size of the image.
        centers: (B, 2) int32 x and y on the canvas.
        canvases: (B, 2) int32 width and height.
        matrices: (B, 2, 3) float64 map from canvas to output pixels.
        inverses: (B, 2, 3) float32 map from output to canvas pixels.
        hsv: (B, 3) int32 shifts of hue, saturation and value.
        mirrors: (B,) int32 width that is mirrored left to right, or 0.
        mosaics: (B,) bool; in a mosaic the colour shifts also apply to the grey padding.
    """

    size: InputSize
    images: Tensor
    offsets: Tensor
    extents: Tensor
    scales: Tensor
    centers: Tensor
    canvases: Tensor
    matrices: Tensor
    inverses: Tensor
    hsv: Tensor
    mirrors: Tensor
    mosaics: Tensor

    @classmethod
    def pack(cls, plans: Sequence[SamplePlan]) -> "PlanBatch":
        """B plans as tensors on the CPU.

        Raises:
            ValueError: no plans, different output sizes, or tiles that do not meet at a centre.
        """
        sizes = {plan.output for plan in plans}
        if len(sizes) != 1:
            found = " and ".join(map(str, sorted(sizes))) or "none"
            raise ValueError(f"the plans of a batch need one output size, got {found}")
        rows = [_numbers(plan) for plan in plans]
        stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        tensors = {name: torch.from_numpy(array) for name, array in stacked.items()}
        return cls(size=sizes.pop(), **tensors)

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "PlanBatch":
        """The same plans on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "PlanBatch":
        """The same plans in page-locked memory, from which `to` need not wait."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "PlanBatch":
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "size"}
        return PlanBatch(self.size, **{name: change(tensor) for name, tensor in tensors.items()})


def _numbers(plan: SamplePlan) -> dict[str, np.ndarray]:
    """One row of every tensor of a `PlanBatch`."""
    # A mosaic's last tile, and the tile of a sample without mosaic, has the centre at its corner.
    center = np.array(plan.tiles[-1].offset, dtype=np.int32)
    first = 4 - len(plan.tiles)
    images = np.zeros(4, dtype=np.int64)
    offsets = np.zeros((4, 2), dtype=np.int32)
    extents = np.zeros((4, 2), dtype=np.int32)
    scales = np.ones(4, dtype=np.float32)
    for quadrant, (tile, scale) in enumerate(zip(plan.tiles, plan.scales, strict=True), first):
        x1, y1, x2, y2 = tile.window
        corner = (x1 if quadrant % 2 else x2, y1 if quadrant >= 2 else y2)
        if corner != plan.tiles[-1].offset:
            raise ValueError(f"tile {tile} does not meet the others at {plan.tiles[-1].offset}")
        images[quadrant] = tile.index
        offsets[quadrant] = tile.offset
        extents[quadrant] = x2 - x1, y2 - y1
        scales[quadrant] = scale
    matrix = np.eye(2, 3) if plan.matrix is None else plan.matrix.astype(np.float64)
    return {
        "images": images,
        "offsets": offsets,
        "extents": extents,
        "scales": scales,
        "centers": center,
        "canvases": np.array(plan.canvas, dtype=np.int32),
        "matrices": matrix,
        "inverses": cv2.invertAffineTransform(matrix).astype(np.float32),
        "hsv": np.array(plan.hsv, dtype=np.int32),
        "mirrors": np.array(plan.mirror, dtype=np.int32),
        "mosaics": np.array(plan.matrix is not None),
    }
