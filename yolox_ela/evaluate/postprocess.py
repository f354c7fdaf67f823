"""Turning a network's predictions into detections: score threshold and NMS for each class."""

import torch
from torch import Tensor
from torchvision.ops import nms

from yolox_ela.errors import UserError

# Devices where NMS takes quadratic time and a call costs little: NMS is done for each image there.
QUADRATIC = ("cpu",)


def postprocess(predictions: Tensor, score_threshold: float, nms_iou: float) -> list[Tensor]:
    """Detections of each image of a batch, all classes at once.

    A box belongs to its best class; boxes of other classes or images never suppress it. Equal
    to upstream's `yolox.utils.postprocess`, which goes through images and, if there are many
    boxes, through classes.

    Args:
        predictions: (B, A, 5 + classes): centre x, centre y, width, height, objectness and class
            scores in 0-1.
        score_threshold: smallest score, objectness times class score, that is kept.
        nms_iou: IoU above which the weaker of two boxes of a class is dropped.

    Returns:
        For each image (D, 6): x1, y1, x2, y2, score, label; best score first.
    """
    class_scores, labels = predictions[:, :, 5:].max(2)
    scores = predictions[:, :, 4] * class_scores
    image, anchor = (scores >= score_threshold).nonzero(as_tuple=True)
    scores, labels = scores[image, anchor], labels[image, anchor]
    centers, half = predictions[image, anchor, :2], predictions[image, anchor, 2:4] / 2
    boxes = torch.cat([centers - half, centers + half], 1)
    rows = torch.cat([boxes, scores[:, None], labels[:, None].to(boxes)], 1)

    counts = torch.bincount(image, minlength=len(predictions)).tolist()
    if rows.device.type in QUADRATIC:
        parts = zip(rows.split(counts), labels.split(counts), strict=True)
        return [part[_grouped_nms(part, group, nms_iou)] for part, group in parts]
    kept = _grouped_nms(rows, image * predictions.shape[2] + labels, nms_iou)
    kept = kept[torch.argsort(image[kept], stable=True)]
    counts = torch.bincount(image[kept], minlength=len(predictions)).tolist()
    return list(rows[kept].split(counts))


def without_scores(predictions: Tensor) -> Tensor:
    """Which images of a batch have scores that are not finite: (B, A, 5 + classes) -> (B,) bool.

    A comparison with a threshold would drop them without a word. Boxes that are not finite are
    those of anchors that found nothing, where numbers of 16 bits overflow.
    """
    return ~predictions[..., 4:].isfinite().flatten(1).all(1)


def require_scores(predictions: Tensor) -> Tensor:
    """The predictions of a batch, if all of their scores are finite.

    Raises:
        UserError: some are not.
    """
    if bool(without_scores(predictions).any()):
        raise UserError(
            "the network's scores are not finite numbers, as those of damaged weights, or of a "
            "training that has diverged: give weights of an earlier epoch"
        )
    return predictions


def _grouped_nms(rows: Tensor, groups: Tensor, nms_iou: float) -> Tensor:
    """Rows that NMS keeps, best score first; only boxes of the same group suppress each other.

    Boxes are shifted so that groups do not overlap; in float64, so that no precision is lost.
    """
    boxes = rows[:, :4].double() if rows.device.type != "mps" else rows[:, :4]
    span = boxes.max() - boxes.min() + 1 if len(boxes) else boxes.new_zeros(())
    return nms(boxes + (groups * span)[:, None], rows[:, 4].to(boxes), nms_iou)
