"""YOLOX's loss over all anchors of a batch, with background masked.

Upstream sums the same terms over the anchors that have an object, which it selects from the batch.
Shapes then depend on the data, and the program waits for the device.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from yolox_ela.network.loss.anchors import Anchors, decode, encode
from yolox_ela.network.loss.assignment import assign, count_objects, intersection_and_union

BOX_WEIGHT = 5.0  # weight of the IoU loss in the total


def dense_loss(
    raw: Tensor,
    anchors: Anchors,
    targets: Tensor,
    *,
    l1: bool,
    class_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """YOLOX's loss.

    It never waits for the device, and no shape depends on the data, so that CUDA graphs can capture
    it and `torch.compile(fullgraph=True)` compile it. Of an anchor without an object, only the
    objectness influences losses and gradients, also if the other predictions are not finite.

    Args:
        raw: (B, A, 5 + C) offset of the centre in cells, log width and height in cells, then
            logits of objectness and classes.
        anchors: the A anchors.
        targets: (B, M, 5) rows of class, centre x, centre y, width, height in pixels, padded with
            zero rows at the end.
        l1: whether the total includes an L1 loss on boxes in the form of `raw`.
        class_weights: (C,) factors of the class loss of an anchor by its object's class; None for
            the factor 1.

    Returns:
        Scalars on the device. As from upstream's `get_losses`: the total; its parts IoU,
        objectness, class and L1 (0 if not included), each divided by the number of anchors with an
        object (at least 1); and this number per object. In addition the number itself, which may
        be 0.
    """
    if targets.shape[1] == 0:
        targets = F.pad(targets, (0, 0, 0, 1))
    predictions = decode(raw.detach(), anchors.cells, anchors.strides)
    assignment = assign(predictions, anchors, targets)
    foreground = assignment.foreground[..., None]
    foreground_count = foreground.sum().to(raw.dtype)
    num_foreground = foreground_count.clamp(min=1)
    matched = targets.gather(1, assignment.objects[..., None].expand(-1, -1, 5))
    labels, matched_boxes = matched.split([1, 4], dim=2)

    # Background is masked in each loss and in its inputs: with an input that is not finite, the
    # gradient of 0 from a masked loss would become NaN.
    def mean(loss: Tensor) -> Tensor:
        return torch.where(foreground, loss, 0).sum() / num_foreground

    raw_boxes, objectness, classes = raw.split([4, 1, raw.shape[2] - 5], dim=2)
    raw_boxes, classes = (torch.where(foreground, x, 0) for x in (raw_boxes, classes))

    boxes = decode(raw_boxes, anchors.cells, anchors.strides)
    intersection, union = intersection_and_union(boxes, matched_boxes)
    iou = intersection / (union + 1e-16)
    iou_loss = BOX_WEIGHT * mean(1 - iou[..., None] ** 2)

    is_object = foreground.to(objectness.dtype)
    objectness_loss = _cross_entropy(objectness, is_object).sum() / num_foreground

    # The target score of the object's class is the IoU of the assignment.
    is_class = labels.long() == torch.arange(classes.shape[2], device=labels.device)
    scores = torch.where(is_class, assignment.ious[..., None], 0).to(classes.dtype)
    class_losses = _cross_entropy(classes, scores)
    if class_weights is not None:
        weights = class_weights.index_select(0, labels.flatten().long()).view_as(labels)
        class_losses = class_losses * weights
    class_loss = mean(class_losses)

    l1_loss = raw.new_zeros(())
    if l1:
        raw_targets = encode(matched_boxes, anchors.cells, anchors.strides)
        l1_loss = mean((raw_boxes - raw_targets).abs())

    num_objects = count_objects(targets).sum().clamp(min=1)
    return (
        iou_loss + objectness_loss + class_loss + l1_loss,
        iou_loss,
        objectness_loss,
        class_loss,
        l1_loss,
        num_foreground / num_objects,
        foreground_count,
    )


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
