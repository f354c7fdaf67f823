"""Comparing what an exported file computes with what the network computes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from yolox_ela.datasets.sample import plan_split, render_scene
from yolox_ela.errors import UserError
from yolox_ela.evaluate.postprocess import postprocess, require_scores
from yolox_ela.export.metadata import Metadata
from yolox_ela.images.letterbox import letterbox

BOX_BOUND = 0.1  # pixels of the input
SCORE_BOUND = 1e-3
UNPAIRED_SHARE = 0.01  # of the detections: NMS between boxes of equal scores may go either way
AP_BOUND = 0.01  # of int8, one point
BEST = 100  # predictions of a picture whose boxes are compared, whatever their scores
SAME = 0.9  # IoU of two detections that are one object
IMAGES = 8

Predict = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Differences:
    """The largest differences between a file and the network.

    Attributes:
        raw_box: of the boxes that are best before NMS, in pixels of the input; NaN where NMS is
            inside the file.
        raw_score: the difference of all scores before NMS; NaN as above.
        box: the difference of the detections' boxes, in pixels of the input.
        score: the difference of the detections' scores.
        detections: number of detections of the network.
        unpaired: number of detections of one that the other does not have.
    """

    raw_box: float = np.nan
    raw_score: float = np.nan
    box: float = 0.0
    score: float = 0.0
    detections: int = 0
    unpaired: int = 0

    def joined(self, other: "Differences") -> "Differences":
        """Of both together; what is not a number stays so."""
        return Differences(
            max_or_nan(self.raw_box, other.raw_box),
            max_or_nan(self.raw_score, other.raw_score),
            max_or_nan(self.box, other.box),
            max_or_nan(self.score, other.score),
            self.detections + other.detections,
            self.unpaired + other.unpaired,
        )

    def __str__(self) -> str:
        before = f"before NMS: boxes {self.raw_box:.2g} px, scores {self.raw_score:.2g}; "
        return (
            ("" if np.isnan(self.raw_box) else before)
            + f"{self.detections} detections: boxes {self.box:.2g} px, scores {self.score:.2g}, "
            f"{self.unpaired} without a partner"
        )


def max_or_nan(*values: float) -> float:
    """The largest value; NaN if any is."""
    return float(np.max(values))


def check_images(pictures: Sequence[np.ndarray] = ()) -> list[np.ndarray]:
    """Pictures to compare on: those given, at most `IMAGES`, or as many rendered ones."""
    if pictures:
        return list(pictures[:IMAGES])
    rng = np.random.default_rng(0)
    return [render_scene(objects, rng).image for objects in plan_split(IMAGES + 1, rng) if objects]


def check_batches(pictures: Sequence[np.ndarray], meta: Metadata) -> list[Tensor]:
    """The pictures as batches of one, of two and of all others; and in other sizes where the file
    takes any. Each (B, 3, H, W) uint8.
    """
    height, width = meta.image_size
    parts = [part for part in (pictures[:1], pictures[1:3], pictures[3:]) if len(part)]
    batches = [letterboxed(part, meta.image_size) for part in parts]
    if meta.any_size:
        batches.append(letterboxed(pictures[:1], (height + 32, width)))
        batches.append(letterboxed(pictures[:1], (height, max(64, width // 2 // 32 * 32))))
    return batches


def letterboxed(pictures: Sequence[np.ndarray], size: tuple[int, int]) -> Tensor:
    """Pictures (H, W, 3) uint8 BGR as a batch (B, 3, height, width) uint8 of this size."""
    boxed = [letterbox(picture, size)[0] for picture in pictures]
    return torch.from_numpy(np.stack(boxed)).permute(0, 3, 1, 2)


def compare(
    network: Predict, file: Predict, batches: Iterable[Tensor], meta: Metadata
) -> Differences:
    """The differences over all batches.

    Args:
        network: from uint8 images to predictions; see `Runner.run`.
        file: the same of the exported file.
        batches: (B, 3, H, W) uint8 each.
        meta: the file's metadata.
    """
    return reduce(
        Differences.joined,
        (_compare_batch(network(images), file(images), meta) for images in batches),
    )


def _compare_batch(wanted: Tensor, got: Tensor, meta: Metadata) -> Differences:
    raw_box = raw_score = np.nan
    wanted = require_scores(wanted.cpu())
    if meta.outputs != "nms":
        if wanted.shape != got.shape:
            raise UserError(
                f"the file's output has the shape {tuple(got.shape)}, the network's "
                f"{tuple(wanted.shape)}"
            )
        theirs, ours = (each[..., 4:5] * each[..., 5:] for each in (wanted, got))
        raw_score = (theirs - ours).abs().max().item()
        best = theirs.max(2).values.topk(min(BEST, theirs.shape[1]), 1).indices
        rows = best[:, :, None].expand(-1, -1, 4)
        gap = wanted[..., :4].gather(1, rows) - got[..., :4].gather(1, rows)
        raw_box = gap.abs().max().item()
    both = [postprocess(each, meta.score_threshold, meta.nms_iou) for each in (wanted, got)]
    parts = [
        _compare_picture(theirs, ours, meta.score_threshold)
        for theirs, ours in zip(*both, strict=True)
    ]
    of_detections = reduce(Differences.joined, parts)
    return Differences(
        raw_box,
        raw_score,
        of_detections.box,
        of_detections.score,
        of_detections.detections,
        of_detections.unpaired,
    )


def _compare_picture(wanted: Tensor, got: Tensor, threshold: float) -> Differences:
    """The detections (D, 6) and (E, 6) of a picture, each paired with that of the same class which
    overlaps it most. Those at the threshold itself need no partner.
    """
    overlaps = box_iou(wanted[:, :4], got[:, :4])
    overlaps[wanted[:, 5:] != got[None, :, 5]] = 0
    mutual = torch.zeros_like(overlaps, dtype=torch.bool)
    if overlaps.numel():
        best = overlaps.max(1).values[:, None], overlaps.max(0).values[None]
        mutual = (overlaps == best[0]) & (overlaps == best[1]) & (overlaps >= SAME)
    ours, theirs = mutual.nonzero(as_tuple=True)
    gaps = (wanted[ours] - got[theirs]).abs()
    alone = [wanted[~mutual.any(1), 4], got[~mutual.any(0), 4]]
    return Differences(
        box=gaps[:, :4].max().item() if len(gaps) else 0.0,
        score=gaps[:, 4].max().item() if len(gaps) else 0.0,
        detections=len(wanted),
        unpaired=sum(int((scores > threshold + SCORE_BOUND).sum()) for scores in alone),
    )


def require_equal(found: Differences, meta: Metadata) -> None:
    """Refuse a file of fp32 that differs from the network.

    Raises:
        UserError: a difference is beyond its bound, or there was nothing to compare.
    """
    if meta.outputs == "nms" and not found.detections:
        raise UserError(
            "the pictures of the check have no detection, so that NMS in the file cannot be "
            "checked: give pictures with objects by --check-images, or a lower --conf"
        )
    boxes, scores = [found.box], [found.score]
    if meta.outputs != "nms":
        boxes, scores = [found.box, found.raw_box], [found.score, found.raw_score]
    excess = []
    if not all(value <= BOX_BOUND for value in boxes):
        excess.append(f"boxes differ by {max_or_nan(*boxes):.3g} px (at most {BOX_BOUND})")
    if not all(value <= SCORE_BOUND for value in scores):
        excess.append(f"scores differ by {max_or_nan(*scores):.3g} (at most {SCORE_BOUND})")
    if found.unpaired > UNPAIRED_SHARE * max(found.detections, 1):
        excess.append(
            f"{found.unpaired} detections have no partner, of {found.detections} of the network"
        )
    if excess:
        raise UserError(f"the file does not compute what the network does: {'; '.join(excess)}")


def require_accuracy(network: float | None, file: float | None, *, int8: bool) -> None:
    """Refuse a file whose AP is lower than the network's.

    Args:
        network: the network's AP in 0-1; None if nothing could be scored.
        file: the file's.
        int8: whether a point may be lost to rounding; otherwise a tenth of it.

    Raises:
        UserError: too much is lost, or there was nothing to score.
    """
    if network is None or file is None:
        raise UserError("the data have no objects, so that there is no AP to compare")
    bound = AP_BOUND if int8 else AP_BOUND / 10
    if not network - file <= bound:
        raise UserError(
            f"the file reaches {100 * file:.2f} AP, the network {100 * network:.2f}: more than "
            f"{100 * bound:g} points are lost"
        )
