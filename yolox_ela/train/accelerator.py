"""Device, precision and processes of a run, through Hugging Face accelerate."""

import torch
from accelerate import Accelerator

from yolox_ela.errors import UserError

MIXED_PRECISION = {"fp32": "no", "fp16": "fp16", "bf16": "bf16"}


def select_device(name: str) -> torch.device:
    """`auto` (CUDA, else MPS, else CPU), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        UserError: an unknown name, or a device that this machine does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"--device {name}: choose auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UserError(f"--device {name}: torch sees no CUDA GPU here; use --device cpu")
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise UserError(f"--device {name}: there are {torch.cuda.device_count()} GPUs")
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise UserError(f"--device {name}: torch sees no MPS device here; use --device cpu")
    elif device.type != "cpu":
        raise UserError(f"--device {name}: choose auto, cpu, cuda, cuda:N or mps")
    return device


def build_accelerator(device_name: str, precision: str) -> Accelerator:
    """An Accelerator for one process or, under torchrun or accelerate launch, for many.

    Its tracker writes to TensorBoard, in a folder that `Training` sets.

    Raises:
        UserError: the device does not exist or cannot compute in this precision.
    """
    device = select_device(device_name)
    if precision == "fp16" and device.type != "cuda":
        raise UserError(f"fp16 training needs a CUDA GPU, not {device.type}: use fp32 or bf16")
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    return Accelerator(
        mixed_precision=MIXED_PRECISION[precision],
        cpu=device.type == "cpu",
        log_with="tensorboard",
        project_dir=".",  # asked for by the tracker; nothing is written there
    )
