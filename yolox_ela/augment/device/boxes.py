"""The boxes of a batch of samples from its plans: `plan.plan_boxes` in torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from yolox_ela.augment.device.plans import PlanBatch
from yolox_ela.augment.plan import SamplePlan
from yolox_ela.input_size import InputSize

ROWS = 8  # the number of target rows is a multiple of this, so that few shapes occur


@dataclass(frozen=True)
class DeviceObjects:
    """All objects of a set on one device.

    Attributes:
        boxes: (N, 4) float32 x1, y1, x2, y2 in pixels of the original image.
        labels: (N,) class indices.
        offsets: (I + 1,) int64; the objects of image i are rows offsets[i]:offsets[i + 1].
    """

    boxes: Tensor
    labels: Tensor
    offsets: Tensor


def most_objects(plans: Sequence[SamplePlan], offsets: np.ndarray) -> int:
    """Number of target rows that a batch needs: its largest number of objects, rounded up.

    Args:
        plans: the plans of the batch's samples.
        offsets: (I + 1,) as in `DeviceObjects`, on the host.
    """
    counts = np.diff(offsets)
    most = max(int(sum(counts[tile.index] for tile in plan.tiles)) for plan in plans)
    return max(1, -(-most // ROWS)) * ROWS


def batch_targets(plans: PlanBatch, objects: DeviceObjects, rows: int) -> Tensor:
    """Training targets of B samples, as by `plan.plan_boxes` and `loader.to_targets`.

    Nothing is sent back to the host, and shapes follow from B and `rows` alone.

    Args:
        plans: the batch's plans, on the device of `objects`.
        objects: all objects of the data set.
        rows: M, from `most_objects`; further objects of a sample would be lost.

    Returns:
        (B, M, 5) float32 class, centre x, centre y, width, height in pixels, in the order of
        `plan_boxes`, then rows of zeros.
    """
    if len(objects.boxes) == 0:
        return torch.zeros(len(plans), rows, 5, device=objects.boxes.device)
    boxes, labels, there = _on_canvas(plans, objects, rows)
    boxes = _clip(_mirror(_transform(boxes, plans.matrices), plans.mirrors), plans.size)
    keep = there & ((boxes[..., 2:] - boxes[..., :2]).amin(dim=-1) > 1)
    top_left, bottom_right = boxes.float().split(2, dim=-1)
    sizes = bottom_right - top_left
    targets = torch.cat([labels[..., None], top_left + sizes / 2, sizes], dim=-1)
    targets = torch.where(keep[..., None], targets, 0)
    order = keep.int().argsort(dim=1, descending=True, stable=True)
    return targets.gather(1, order[..., None].expand(-1, -1, 5))


def _on_canvas(
    plans: PlanBatch, objects: DeviceObjects, rows: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The objects of each sample's tiles, one tile after the other, clipped to the canvas.

    Returns:
        (B, M, 4) float64 boxes, (B, M) float32 labels, and (B, M) bool, False beyond the last.
    """
    firsts = objects.offsets[plans.images]
    counts = torch.where(plans.extents[..., 0] > 0, objects.offsets[plans.images + 1] - firsts, 0)
    ends = counts.cumsum(dim=1)
    row = torch.arange(rows, device=ends.device).expand(len(plans), -1)
    there = row < ends[:, 3:]
    tile = (row[..., None] >= ends[:, None, :3]).sum(dim=-1)
    found = torch.where(there, (firsts - ends + counts).gather(1, tile) + row, 0)
    # As numpy does in `plan_boxes`: scaled in float32, then shifted in float64.
    scaled = objects.boxes[found] * plans.scales.gather(1, tile)[..., None]
    offsets = plans.offsets.gather(1, tile[..., None].expand(-1, -1, 2)).repeat(1, 1, 2)
    boxes = (scaled.double() + offsets).clamp(min=0)
    boxes = boxes.minimum(plans.canvases.repeat(1, 2)[:, None])
    return boxes, objects.labels[found].float(), there


def _transform(boxes: Tensor, matrices: Tensor) -> Tensor:
    """Upright boxes around the images of (B, M, 4) boxes' corners under (B, 2, 3) affine maps."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    x, y = torch.stack([x1, x2, x1, x2], dim=-1), torch.stack([y1, y1, y2, y2], dim=-1)
    by_x, by_y, shift = matrices[..., None, None].unbind(2)  # each (B, 2, 1, 1)
    moved = by_x * x[:, None] + by_y * y[:, None] + shift  # (B, 2, M, 4)
    left, top = moved.amin(dim=-1).unbind(1)
    right, bottom = moved.amax(dim=-1).unbind(1)
    return torch.stack([left, top, right, bottom], dim=-1)


def _mirror(boxes: Tensor, widths: Tensor) -> Tensor:
    """(B, M, 4) boxes mirrored left to right within (B,) widths, where these are not 0."""
    widths = widths[:, None]
    x1, y1, x2, y2 = boxes.unbind(-1)
    mirrored = torch.stack([widths - x2, y1, widths - x1, y2], dim=-1)
    return torch.where(widths[..., None] > 0, mirrored, boxes)


def _clip(boxes: Tensor, size: InputSize) -> Tensor:
    """(B, M, 4) boxes clipped to an image of this size."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    clipped = [
        x1.clamp(0, size.width),
        y1.clamp(0, size.height),
        x2.clamp(0, size.width),
        y2.clamp(0, size.height),
    ]
    return torch.stack(clipped, dim=-1)
