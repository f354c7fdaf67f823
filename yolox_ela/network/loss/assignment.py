"""SimOTA, the assignment of objects to anchors, for a whole batch.

The method is that of YOLOX, arXiv 2107.08430, section 2.1, with the constants of upstream's head.
An anchor is a cell of one of the maps. It is a candidate if its centre is in the centre region of
an object of its image. An object takes the candidates with the lowest cost; their number is the sum
of the IoUs of its ten best overlaps. An anchor that several objects want is assigned to the object
with the lowest cost.

Upstream iterates over images and objects, and waits for a number from the device in each iteration.
Here the program never waits for the device, and no shape depends on the data.

Operations on costs and their order are the same as upstream's. Costs therefore are equal, except
for the last bit of a few, where a vectorised CPU loop ends or `torch.compile` fuses operations. An
assignment can differ only if two costs differ by no more than that; none of 57,600 random objects
was assigned differently. Of anchors or objects with equal costs the first is taken, as by upstream
on CUDA (`torch.topk` on the CPU takes any of them).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from yolox_ela.network.loss.anchors import Anchors

CENTRE_RADIUS = 1.5  # half the side of an object's square centre region, in cells
# Largest number of a level's cell centres in a centre region, 3 in each direction.
CENTRES_PER_LEVEL = 9
TOP_OVERLAPS = 10  # an object gets as many anchors as the sum of so many best IoUs, at most so many
IOU_WEIGHT = 3.0  # weight of the IoU in the cost, where the class cost has weight 1
OUTSIDE_COST = 1e6  # added for anchors outside the object's own centre region
CLASSES_AT_ONCE = 32  # classes whose costs are computed at once, which limits memory


class Assignment(NamedTuple):
    """The object of each anchor.

    Attributes:
        foreground: (B, A) bool, whether an object is assigned to the anchor.
        objects: (B, A) int64 row of that object in the targets; any valid row for background.
        ious: (B, A) IoU of the predicted box and the object; 0 for background.
    """

    foreground: Tensor
    objects: Tensor
    ious: Tensor


@torch.no_grad()
def assign(predictions: Tensor, anchors: Anchors, targets: Tensor) -> Assignment:
    """Assign objects to anchors.

    Predictions that are not finite are replaced by finite numbers, and undefined IoUs by 0. The
    assignment then does not fail on a device, and the loss becomes NaN.

    Args:
        predictions: (B, A, 5 + C) centre x, centre y, width, height in pixels, then logits of
            objectness and classes.
        anchors: the A anchors.
        targets: (B, M, 5) rows of class, centre x, centre y, width, height in pixels, padded with
            zero rows at the end; M at least 1. Classes must be below C, which is not checked,
            because the check would have to wait for the device.
    """
    real = _real(targets)
    inside = _centre_regions(targets, anchors) & real
    candidates = inside.any(dim=1)
    # Only few anchors of an image are candidates; costs are computed for these only.
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
    """Replace NaN and infinities by finite numbers."""
    return predictions.nan_to_num(nan=0.0, posinf=1e4, neginf=-1e4)


def intersection_and_union(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of intersection and union of boxes.

    `prod` is not used, because its backward pass waits for the device.

    Args:
        first: (..., 4) boxes as centre x, centre y, width, height.
        second: (..., 4) boxes; the leading shapes are broadcast.
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
    """The number of objects of each image, (B,), from padded targets (B, M, 5)."""
    return (targets.sum(dim=2) > 0).sum(dim=1)


def _real(targets: Tensor) -> Tensor:
    """(B, M, 1) bool, whether a row of the targets is an object and not padding."""
    rows = torch.arange(targets.shape[1], device=targets.device)
    return (rows < count_objects(targets)[:, None])[..., None]


def _centre_regions(targets: Tensor, anchors: Anchors) -> Tensor:
    """(B, M, A) bool, whether an anchor's centre is in an object's centre region."""
    x, y = ((anchors.cells + 0.5) * anchors.strides).unbind(1)
    radius = CENTRE_RADIUS * anchors.strides[:, 0]
    centre_x, centre_y = targets[..., 1:2], targets[..., 2:3]
    in_x = (x > centre_x - radius) & (x < centre_x + radius)
    in_y = (y > centre_y - radius) & (y < centre_y + radius)
    return in_x & in_y


def _compact(candidates: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """Give the candidates of each image consecutive slots.

    Args:
        candidates: (B, A) bool, of which at most `limit` are True for each image.
        limit: number of slots for each image.

    Returns:
        (B, limit) anchor in each slot, 0 in unused slots; and (B, A) slot of each candidate, and
        any slot for other anchors.
    """
    slots = candidates.cumsum(dim=1) - 1
    order = torch.arange(candidates.shape[1], device=candidates.device).expand_as(slots)
    picked = slots.new_zeros(len(slots), limit + 1)  # the additional slot is for all other anchors
    picked = picked.scatter(1, torch.where(candidates, slots, limit), order)
    return picked[:, :limit], slots.clamp(min=0)


def _class_cost(objectness: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy of an anchor's class scores with an object's class as the target.

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
    # The C terms are summed separately for each class. Correcting one common sum would take less
    # memory but rounds differently: with saturated scores, one in ten images of 20 objects was then
    # assigned differently.
    is_class = torch.eye(scores.shape[2], dtype=torch.bool, device=scores.device)
    cost = torch.cat(
        [
            torch.where(some, present[:, :, None], absent[:, :, None]).sum(dim=3)
            for some in is_class.split(CLASSES_AT_ONCE)  # each (B, N, some, C)
        ],
        dim=2,
    )
    index = labels.long()[..., None].expand(-1, -1, cost.shape[1])
    return cost.transpose(1, 2).gather(1, index)


def _cheapest(cost: Tensor, ious: Tensor) -> Tensor:
    """(B, M, N) bool, the anchors with the lowest cost for each object.

    An object takes at least one anchor if possible, and the first ones among equal costs.

    Args:
        cost: (B, M, N) costs, infinite for impossible pairs.
        ious: (B, M, N) IoUs, 0 for impossible pairs.
    """
    top = min(TOP_OVERLAPS, cost.shape[2])
    count = ious.topk(top).values.sum(dim=2, keepdim=True).int().clamp(1, top)
    # Among equal costs `topk` returns any positions but certain values, so the highest accepted
    # cost is used.
    highest = cost.topk(top, largest=False).values.gather(2, count.long() - 1)
    cheaper = cost < highest
    equal = (cost == highest) & (cost < torch.inf)
    room = count - cheaper.sum(dim=2, keepdim=True)
    return cheaper | (equal & (equal.cumsum(dim=2) <= room))
