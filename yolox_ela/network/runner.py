"""A trained network ready to run, whatever runs it: torch, or another program's file format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yolox_ela.choices import NMS_IOU, SCORE_THRESHOLD
from yolox_ela.errors import UserError
from yolox_ela.images.values import UNDECIDED, ValueRange
from yolox_ela.input_size import FORM, ImageSize, is_image_size
from yolox_ela.network.inference import FAST, Inference, predictor
from yolox_ela.network.model import Yolox
from yolox_ela.schema import TEXT, fault, listed, shown

BATCH = 16  # images at a time on a GPU


@dataclass(frozen=True)
class Runner:
    """A function from images to predictions, with what has to be known to use it.

    Attributes:
        run: from (B, 3, H, W) uint8 images, BGR, 0-255, letterboxed to the input size, to
            (B, A, 5 + classes) float32 predictions: centre x, centre y, width and height of a box
            in pixels of the input, objectness and class scores in 0-1. B is at most `batch`.
        classes: names of the outputs.
        image_size: size of the network's input: the side of a square, or (height, width).
        values: the value of white in pictures of more than 8 bits, where the training data of the
            network decided it.
        batch: the number of images at a time.
        parallel: the number of calls of `run` that may be under way at the same time.
        score_threshold: the lowest score of a detection, unless another is asked for.
        nms_iou: the IoU above which the weaker of two boxes of a class is dropped, unless another
            is asked for.
        nms_inside: whether `run` itself applies both, so that a lower score or another IoU cannot
            be asked for.
        model: the network as a torch module in evaluation mode, if that is what runs.

    Raises:
        UserError: the image size cannot be right.
    """

    run: Callable[[Tensor], Tensor]
    classes: tuple[str, ...]
    image_size: ImageSize
    values: ValueRange = UNDECIDED
    batch: int = 1
    parallel: int = 1
    score_threshold: float = SCORE_THRESHOLD
    nms_iou: float = NMS_IOU
    nms_inside: bool = False
    model: Yolox | None = None

    def __post_init__(self) -> None:
        if not is_image_size(self.image_size):
            raise UserError(f"image_size {shown(self.image_size)} must be {FORM}")

    def require(self, score_threshold: float, nms_iou: float) -> None:
        """Raise UserError if threshold and NMS inside the network hide what is asked for."""
        if self.nms_inside and (score_threshold < self.score_threshold or nms_iou != self.nms_iou):
            raise UserError(
                f"the exported file applies score threshold {self.score_threshold:g} and NMS IoU "
                f"{self.nms_iou:g} itself, so that {score_threshold:g} and {nms_iou:g} cannot be "
                "asked for: use the file's own (--conf, --nms), or export with --outputs decoded"
            )


def torch_runner(
    model: Yolox,
    classes: Sequence[str],
    *,
    image_size: ImageSize,
    device: torch.device,
    values: ValueRange = UNDECIDED,
    inference: Inference = FAST,
) -> Runner:
    """A network that torch runs.

    Args:
        model: the network, put into evaluation mode; what runs is a copy with BatchNorm folded.
        classes: names of its outputs.
        image_size: see `Runner`.
        device: the device to compute on.
        values: see `Runner`.
        inference: how the network is run.

    Raises:
        UserError: the names do not fit the network, or the image size cannot be right.
    """
    if not isinstance(model, Yolox):
        raise UserError(f"model must be a YOLOX network of this package, not {shown(model)}")
    if isinstance(classes, str) or fault(classes, listed(TEXT)):
        raise UserError(f"classes must be a list of names, not {shown(classes)}")
    if len(classes) != model.head.num_classes:
        raise UserError(
            f"{len(classes)} class names for a network with {model.head.num_classes} classes"
        )
    model.eval()
    on_cpu = device.type == "cpu"
    return Runner(
        predictor(model, device, inference),
        tuple(classes),
        image_size,
        values,
        batch=1 if on_cpu else BATCH,
        parallel=torch.get_num_threads() if on_cpu else 1,
        model=model,
    )
