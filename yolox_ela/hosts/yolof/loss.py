"""The loss of YOLOF: focal loss of the classes, GIoU loss of the boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou_loss, sigmoid_focal_loss

from yolox_ela.hosts.yolof.matching import IGNORED, match

Target = dict[str, Tensor]


def yolof_loss(
    logits: Tensor, predicted: Tensor, anchors: Tensor, targets: Sequence[Target]
) -> dict[str, Tensor]:
    """`total_loss`, `cls_loss` and `box_loss` of a batch, divided by the matched predictions, of
    which `count` is the number.

    Args:
        logits: (N, A, classes).
        predicted: (N, A, 4) x1, y1, x2, y2 in pixels.
        anchors: (A, 4) centre x, centre y, width, height in pixels.
        targets: for each image `boxes` (G, 4) x1, y1, x2, y2 in pixels and `labels` (G,), classes
            from 0.
    """
    corners = box_convert(anchors, "cxcywh", "xyxy")
    matches = [
        match(boxes.detach(), corners, target["boxes"], target["labels"])
        for boxes, target in zip(predicted, targets, strict=True)
    ]
    labels = torch.stack([m.labels for m in matches])  # (N, A)
    counted, matched = labels != IGNORED, labels >= 0
    one_hot = torch.zeros_like(logits)
    one_hot[matched] = torch.nn.functional.one_hot(labels[matched], logits.shape[-1]).to(logits)
    cls_loss = sigmoid_focal_loss(
        logits[counted], one_hot[counted], alpha=0.25, gamma=2, reduction="sum"
    )
    box_loss = generalized_box_iou_loss(
        torch.cat([boxes[m.predictions] for boxes, m in zip(predicted, matches, strict=True)]),
        torch.cat([t["boxes"][m.objects] for t, m in zip(targets, matches, strict=True)]),
        reduction="sum",
    )
    found = matched.sum().to(cls_loss)
    count = found.clamp(min=1)
    return {
        "total_loss": (cls_loss + box_loss) / count,
        "cls_loss": cls_loss / count,
        "box_loss": box_loss / count,
        "count": found,
    }
