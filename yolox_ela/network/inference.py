"""Running a trained network: plainly, or faster with the same results up to rounding."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from yolox_ela.choices import PRECISION_NAMES
from yolox_ela.errors import UserError
from yolox_ela.network.fuse import fuse, fuse_batchnorm
from yolox_ela.network.model import Yolox

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
PRECISIONS = dict(zip(PRECISION_NAMES, DTYPES, strict=True))


@dataclass(frozen=True)
class Inference:
    """Options for running a network, which do not change its weights.

    Args:
        fuse: whether to fold BatchNorm into the convolutions; results differ by rounding.
        precision: fp32, bf16 or fp16 for backbone and neck; boxes are decoded in fp32.
        compile: whether to compile the network by torch.compile, which takes time at the start.
        rectangular: whether to evaluate in batches of similar shapes instead of inputs of one size
            padded with grey; predictions near the padded border then differ slightly.
    """

    fuse: bool = True
    precision: str = "fp32"
    compile: bool = False
    rectangular: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UserError(f"precision {self.precision} is none of {', '.join(PRECISIONS)}")


FAST = Inference()
PLAIN = Inference(fuse=False)


def predictor(
    model: Yolox, device: torch.device, inference: Inference
) -> Callable[[Tensor], Tensor]:
    """A function that runs a network.

    Args:
        model: the network. With `fuse`, a copy of it is run; otherwise the network itself, which
            must be in evaluation mode and on `device`.
        device: the device to compute on.
        inference: the options.

    Returns:
        A function from (B, 3, H, W) images, uint8 or float, BGR, 0-255, on any device, to
        (B, A, 5 + classes) float32 predictions on `device`.
    """
    network, dtype = model, PRECISIONS[inference.precision]
    if inference.fuse:
        # A compiler fuses ELA's plain formula better. Sums over a strip are for fp32 only.
        plain_attention = inference.compile or dtype != torch.float32
        network = fuse_batchnorm(model) if plain_attention else fuse(model)
        network = network.to(device, memory_format=torch.channels_last)
    call = torch.compile(network) if inference.compile else network

    @torch.inference_mode()
    def predict(images: Tensor) -> Tensor:
        pixels = images.to(device, non_blocking=device.type == "cuda").float()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            return call(pixels)

    return predict
