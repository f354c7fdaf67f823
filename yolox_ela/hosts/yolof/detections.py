"""From YOLOF's predictions to the objects found in each image."""

from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image


def detections(
    logits: Tensor,
    boxes: Tensor,
    image_size: tuple[int, int],
    *,
    score_threshold: float = 0.05,
    nms_iou: float = 0.6,
    candidates: int = 1000,
    most: int = 100,
) -> list[dict[str, Tensor]]:
    """`boxes` (D, 4), `scores` (D,) in 0-1 and `labels` (D,) of each image, best first.

    Args:
        logits: (N, A, classes), as `YOLOF` returns them.
        boxes: (N, A, 4) x1, y1, x2, y2 in pixels.
        image_size: height and width, to which the boxes are cut.
        score_threshold: scores that are not above it are left out.
        nms_iou: the IoU above which the lower-scored of two boxes of a class is left out.
        candidates: how many of the best scores of an image are considered.
        most: largest number of detections in an image.
    """
    found = []
    for scores, image_boxes in zip(logits.sigmoid(), boxes, strict=True):
        scores, places = scores.flatten().topk(min(candidates, scores.numel()))
        places = places[scores > score_threshold]
        scores = scores[scores > score_threshold]
        anchors, labels = places // logits.shape[-1], places % logits.shape[-1]
        near = clip_boxes_to_image(image_boxes[anchors], image_size)
        keep = batched_nms(near, scores, labels, nms_iou)[:most]
        found.append({"boxes": near[keep], "scores": scores[keep], "labels": labels[keep]})
    return found
