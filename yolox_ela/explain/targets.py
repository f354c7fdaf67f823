"""Which of a network's anchors made a detection, and the score that is explained.

NMS merges nothing: a detection is the box of a single anchor, and its score s is that of the anchor
before NMS, objectness times class score, s = sigmoid(o) * sigmoid(c). The map of log(s) would be
the same up to a factor, since its gradient is that of s divided by s.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou

from yolox_ela.evaluate.postprocess import postprocess, require_scores

SAME_OBJECT = 0.5  # IoU from which on a box of another network counts as the same object


def detections_with_anchors(
    predictions: Tensor, score_threshold: float, nms_iou: float
) -> tuple[Tensor, list[int]]:
    """Detections as `postprocess` returns them, and the anchor that made each of them.

    Args:
        predictions: (A, 5 + classes) of one picture.
        score_threshold: see `postprocess`.
        nms_iou: see `postprocess`.

    Returns:
        (D, 6) x1, y1, x2, y2 in pixels of the input, score, label, best score first; D anchors.

    Raises:
        UserError: their scores are not finite.
    """
    predictions = require_scores(predictions.detach()[None])[0]
    class_scores, labels = predictions[:, 5:].max(1)
    scores = predictions[:, 4] * class_scores
    boxes = corners(predictions)
    (rows,) = postprocess(predictions[None], score_threshold, nms_iou)
    anchors = []
    for row in rows:
        same = (scores == row[4]) & (labels == row[5]) & (boxes == row[:4]).all(1)
        anchors.append(int(same.nonzero()[0]))
    return rows, anchors


def matching_anchor(predictions: Tensor, box: Tensor, label: int) -> int | None:
    """The anchor with the highest score for a class among those whose box is about `box`.

    Args:
        predictions: (A, 5 + classes) of one picture.
        box: (4,) x1, y1, x2, y2 in pixels of the input.
        label: the class.

    Returns:
        None if no box has an IoU of at least `SAME_OBJECT` with it.
    """
    predictions = predictions.detach()
    near = (box_iou(corners(predictions), box[None].to(predictions))[:, 0] >= SAME_OBJECT).nonzero()
    if not len(near):
        return None
    scores = predictions[near[:, 0], 4] * predictions[near[:, 0], 5 + label]
    return int(near[scores.argmax(), 0])


def score_of(predictions: Tensor, anchor: int, label: int) -> Tensor:
    """The score s of an anchor for a class, a number in 0-1 that gradients can be taken of."""
    return predictions[anchor, 4] * predictions[anchor, 5 + label]


def corners(predictions: Tensor) -> Tensor:
    """(A, 5 + classes) -> (A, 4) x1, y1, x2, y2, to the last bit as `postprocess` computes them."""
    centers, half = predictions[:, :2], predictions[:, 2:4] / 2
    return torch.cat([centers - half, centers + half], 1)


def stride_of(anchor: int, strides: Sequence[int], height: int, width: int) -> int:
    """The stride of the map that an anchor belongs to, for an input of this size in pixels."""
    for stride in strides:
        cells = (height // stride) * (width // stride)
        if anchor < cells:
            return stride
        anchor -= cells
    raise ValueError("the input has fewer anchors")
