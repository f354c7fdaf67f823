"""SimOTA for a whole batch: which anchor learns which object.

YOLOX, arXiv 2107.08430, section 2.1; the rules and their numbers are those of upstream's head.
An anchor is a cell of one of the maps. It is a candidate if its centre is in the centre region of
any object of its image. An object takes its cheapest candidates, as many as the summed IoU of its
ten best overlaps says, and an anchor wanted by several objects goes to the cheapest.

Upstream goes from image to image and object to object and asks the device for a number at every
turn. Here the program never waits for the device, and no shape depends on the data.

The operations on each cost and their order are upstream's, so costs are equal bit for bit, but for
the last bit of a few where a CPU loop ends or `torch.compile` fuses. An assignment can differ only
where two costs are as close as that; in 57,600 random objects none did. Costs that are exactly
equal go to the first anchor in order, as with upstream on CUDA (`torch.topk` on the CPU picks any
of them), and to the first object.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from yolox_ela.network.loss.anchors import Anchors

CENTRE_RADIUS = 1.5  # of an object's centre region, a square, in cells
# Centres of a level that fit into the open interval of two radii, squared.
CENTRES_PER_LEVEL = 9
TOP_OVERLAPS = 10  # IoUs that decide how many anchors an object takes, and the most it takes
IOU_WEIGHT = 3.0  # in the cost, against the class cost's 1
OUTSIDE_COST = 1e6  # for an anchor outside the object's own centre region
CLASSES_AT_ONCE = 32  # bounds the memory that the cost of many classes takes


class Assignment(NamedTuple):
    """What each anchor learns.

    Attributes:
        foreground: (B, A) bool, whether the anchor has an object.
        objects: (B, A) int64 row of its object in the targets; any valid row for background.
        ious: (B, A) IoU of predicted box and object, 0 for background.
    """

    foreground: Tensor
    objects: Tensor
    ious: Tensor


@torch.no_grad()
def assign(predictions: Tensor, anchors: Anchors, targets: Tensor) -> Assignment:
    """Assign objects to anchors.

    Predictions that are not finite count as some number here, as an IoU that is not defined does
    as 0: neither stops a run on a device, and the loss tells.

    Args:
        predictions: (B, A, 5 + C) centre x, centre y, width, height in pixels, then logits of
            objectness and classes.
        anchors: the A anchors.
        targets: (B, M, 5) rows of class, centre x, centre y, width, height in pixels, padded with
            zero rows at the end; M at least 1. Classes must be below C: to check that would
            mean to wait for the device.
    """
    real = _real(targets)
    inside = _centre_regions(targets, anchors) & real
    candidates = inside.any(dim=1)
    # An image has few candidates among its anchors; the costs are worked out for these only.
    limit = min(len(anchors.cells), CENTRES_PER_LEVEL * anchors.levels * targets.shape[1])
    picked, slots = _compact(candidates, limit)

    inside = inside.gather(2, picked[:, None].expand(-1, targets.shape[1], -1))
    predictions = predictions.gather(1, picked[..., None].expand(-1, -1, predictions.shape[2]))
    parts = predictions.split([4, 1, predictions.shape[2] - 5], dim=2)
    boxes, objectness, classes = (finite(part) for part in parts)
    filled = torch.arange(limit, device=slots.device) <= slots[:, -1:]
    possible = filled[:, None] & real  # (B, M, limit)

    overlap, union = intersection_and_union(targets[:, :, None, 1:], boxes[:, None])
    ious = overlap / union
    ious = torch.where(possible & (ious >= 0), ious, 0)
    cost = _class_cost(objectness, classes, targets[..., 0])
    cost = cost + IOU_WEIGHT * -torch.log(ious + 1e-8)
    cost = torch.where(inside, cost, cost + OUTSIDE_COST)
    cost = torch.where(possible, cost, torch.inf)

    wanted = _cheapest(cost, ious)
    claims = wanted.sum(dim=1)
    first = wanted.to(torch.uint8).argmax(dim=1)
    objects = torch.where(claims > 1, cost.argmin(dim=1), first)  # (B, limit)
    ious = ious.gather(1, objects[:, None])[:, 0]

    foreground = candidates & (claims > 0).gather(1, slots)
    return Assignment(
        foreground,
        objects.gather(1, slots),
        torch.where(foreground, ious.gather(1, slots), 0),
    )


def finite(predictions: Tensor) -> Tensor:
    """Numbers in place of NaN and infinities."""
    return predictions.nan_to_num(nan=0.0, posinf=1e4, neginf=-1e4)


def intersection_and_union(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of two (..., 4) tensors of boxes, centre and size, whose leading shapes broadcast.

    Without `prod`, which in its backward pass looks for zeros and waits for the device to tell.
    """
    (centre1, size1), (centre2, size2) = first.split(2, dim=-1), second.split(2, dim=-1)
    low = torch.maximum(centre1 - size1 / 2, centre2 - size2 / 2)
    high = torch.minimum(centre1 + size1 / 2, centre2 + size2 / 2)
    intersection = _area(high - low) * (low < high).all(dim=-1)
    return intersection, _area(size1) + _area(size2) - intersection


def _area(sizes: Tensor) -> Tensor:
    width, height = sizes.unbind(-1)
    return width * height


def count_objects(targets: Tensor) -> Tensor:
    """(B, M, 5) padded targets -> (B,) number of objects, the first rows of each image."""
    return (targets.sum(dim=2) > 0).sum(dim=1)


def _real(targets: Tensor) -> Tensor:
    """(B, M, 1) whether a row is an object, not padding."""
    rows = torch.arange(targets.shape[1], device=targets.device)
    return (rows < count_objects(targets)[:, None])[..., None]


def _centre_regions(targets: Tensor, anchors: Anchors) -> Tensor:
    """(B, M, A) whether an anchor's centre is in an object's centre region."""
    x, y = ((anchors.cells + 0.5) * anchors.strides).unbind(1)
    radius = CENTRE_RADIUS * anchors.strides[:, 0]
    centre_x, centre_y = targets[..., 1:2], targets[..., 2:3]
    in_x = (x > centre_x - radius) & (x < centre_x + radius)
    in_y = (y > centre_y - radius) & (y < centre_y + radius)
    return in_x & in_y


def _compact(candidates: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """Put the candidates of each image into its first slots, in their order.

    Args:
        candidates: (B, A) bool, at most `limit` of each image set.
        limit: slots for each image.

    Returns:
        (B, limit) anchor in each slot, 0 in those left over; and (B, A) slot of each candidate,
        where an anchor that is none has some slot.
    """
    slots = candidates.cumsum(dim=1) - 1
    order = torch.arange(candidates.shape[1], device=candidates.device).expand_as(slots)
    picked = slots.new_zeros(len(slots), limit + 1)  # the slot more is for all the others
    picked = picked.scatter(1, torch.where(candidates, slots, limit), order)
    return picked[:, :limit], slots.clamp(min=0)


def _class_cost(objectness: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy of an anchor's class scores if it had an object's class.

    Args:
        objectness: (B, N, 1) logits, finite.
        classes: (B, N, C) logits, finite.
        labels: (B, M) classes of objects.

    Returns:
        (B, M, N) sums over the C classes. A score is the geometric mean of objectness and class
        probability.
    """
    scores = (classes.float().sigmoid() * objectness.float().sigmoid()).sqrt()
    present = F.binary_cross_entropy(scores, torch.ones_like(scores), reduction="none")
    absent = F.binary_cross_entropy(scores, torch.zeros_like(scores), reduction="none")
    # All C terms are summed anew for each class. Correcting one sum by a term would take less
    # memory, but rounds differently: with saturated scores, one image of 20 objects in ten was
    # assigned differently then.
    is_class = torch.eye(scores.shape[2], dtype=torch.bool, device=scores.device)
    cost = torch.cat(
        [
            torch.where(some, present[:, :, None], absent[:, :, None]).sum(dim=3)
            for some in is_class.split(CLASSES_AT_ONCE)  # of (B, N, some, C)
        ],
        dim=2,
    )
    index = labels.long()[..., None].expand(-1, -1, cost.shape[1])
    return cost.transpose(1, 2).gather(1, index)


def _cheapest(cost: Tensor, ious: Tensor) -> Tensor:
    """(B, M, N) costs, infinite where impossible, and IoUs, 0 there -> which anchors objects want.

    An object takes at least one anchor if it can, the first ones where costs are equal.
    """
    top = min(TOP_OVERLAPS, cost.shape[2])
    count = ious.topk(top).values.sum(dim=2, keepdim=True).int().clamp(1, top)
    # The values sorted are certain where their places are not; so look for the dearest that fits.
    dearest = cost.topk(top, largest=False).values.gather(2, count.long() - 1)
    cheaper = cost < dearest
    equal = (cost == dearest) & (cost < torch.inf)
    room = count - cheaper.sum(dim=2, keepdim=True)
    return cheaper | (equal & (equal.cumsum(dim=2) <= room))
