"""The device to compute on, by name."""

import torch

from yolox_ela.errors import UserError
from yolox_ela.schema import shown


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
    except (RuntimeError, TypeError, ValueError) as error:
        said = name if isinstance(name, str) else shown(name)
        raise UserError(f"--device {said}: choose auto, cpu, cuda, cuda:N or mps") from error
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


def synchronise(device: torch.device) -> None:
    """Wait for work that was only queued on a device, as a clock must."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
