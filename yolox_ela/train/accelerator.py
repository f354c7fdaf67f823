"""Device, precision and processes of a run, through Hugging Face accelerate."""

from datetime import timedelta

import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from yolox_ela.errors import UserError
from yolox_ela.system.device import select_device

# One process may download VOC or evaluate alone while the others wait.
TIMEOUT = timedelta(hours=6)
MIXED_PRECISION = {"fp32": "no", "fp16": "fp16", "bf16": "bf16"}


def build_accelerator(device_name: str, precision: str) -> Accelerator:
    """An Accelerator for one process or, under torchrun or accelerate launch, for many.

    On a CPU, numbers too small for full precision count as 0 from here on: a network that a high
    learning rate has spoilt is full of them, and they make a step take up to 50 times as long.

    Raises:
        UserError: the device does not exist or cannot compute in this precision.
    """
    device = select_device(device_name)
    if precision == "fp16" and device.type != "cuda":
        raise UserError(f"fp16 training needs a CUDA GPU, not {device.type}: use fp32 or bf16")
    if device.type == "cpu":
        torch.set_flush_denormal(True)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    try:
        return Accelerator(
            mixed_precision=MIXED_PRECISION[precision],
            cpu=device.type == "cpu",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=TIMEOUT)],
        )
    except ValueError as error:  # accelerate knows which systems lack bf16
        raise UserError(f"{precision} on {device.type}: {error}; use --precision fp32") from error
