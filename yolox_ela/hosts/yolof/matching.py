"""Uniform matching, arXiv 2103.09460, section 4.2: as many anchors for small objects as for large.

Of one map with large strides, a matching by overlap would give large objects most anchors. Here
each object gets the k nearest anchors, and the k nearest predictions, whatever its size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_convert, box_iou

MATCHES = 4  # k
LEAST_OVERLAP = 0.15  # IoU of anchor and object, below which a match is ignored
IGNORED_OVERLAP = 0.7  # IoU of prediction and object, above which it is no background


@dataclass(frozen=True)
class Matches:
    """What the predictions of one image should be.

    Attributes:
        labels: (A,) class of each prediction, `BACKGROUND`, or `IGNORED` where the classification
            has no loss.
        predictions: (M,) indices of predictions whose box has a loss.
        objects: (M,) for each of them the index of its object; a prediction may have several.
    """

    labels: Tensor
    predictions: Tensor
    objects: Tensor


BACKGROUND, IGNORED = -1, -2


@torch.no_grad()
def match(predicted: Tensor, anchors: Tensor, boxes: Tensor, labels: Tensor) -> Matches:
    """Match the predictions of one image with its objects.

    A match whose anchor hardly overlaps the object is ignored, unless the prediction has another
    match; a prediction without a match that overlaps an object well is ignored, too. Where several
    objects match one prediction, its class is that of one of them.

    Args:
        predicted: (A, 4) predicted boxes x1, y1, x2, y2 in pixels.
        anchors: (A, 4) x1, y1, x2, y2 in pixels.
        boxes: (G, 4) the objects' boxes x1, y1, x2, y2 in pixels; G may be 0.
        labels: (G,) their classes.
    """
    wanted = torch.full((len(anchors),), BACKGROUND, device=anchors.device)
    if not len(boxes):
        none = wanted.new_empty(0)
        return Matches(wanted, none, none)
    near = torch.cat([nearest(predicted, boxes), nearest(anchors, boxes)])  # (2 k, G)
    predictions = near.flatten()
    objects = torch.arange(len(boxes), device=boxes.device).expand_as(near).flatten()
    overlap = box_iou(anchors[predictions], boxes)[range(len(objects)), objects]
    good = overlap >= LEAST_OVERLAP

    wanted[box_iou(predicted, boxes).amax(1) > IGNORED_OVERLAP] = IGNORED
    wanted[predictions[~good]] = IGNORED
    wanted[predictions[good]] = labels[objects[good]]
    return Matches(wanted, predictions[good], objects[good])


def nearest(candidates: Tensor, boxes: Tensor, count: int = MATCHES) -> Tensor:
    """Indices (k, G) of the candidates (A, 4) nearest to each box (G, 4); k is at most A.

    Near is what differs least in centre x, centre y, width and height, summed in pixels.
    """
    distance = torch.cdist(
        box_convert(candidates, "xyxy", "cxcywh"), box_convert(boxes, "xyxy", "cxcywh"), p=1
    )
    return distance.topk(min(count, len(candidates)), 0, largest=False).indices
