"""How many runs fit side by side on this machine, and what each has for itself."""

import os
from collections.abc import Mapping, Sequence

import torch

from yolox_ela.errors import UserError
from yolox_ela.system.device import select_device
from yolox_ela.system.machine import usable_cores

VISIBLE = "CUDA_VISIBLE_DEVICES"


def slots_of(
    device: str, jobs: int | None, threads: int
) -> tuple[str, Sequence[Mapping[str, str]]]:
    """The device of each run, and for each run at a time the variables of its environment.

    On a CPU as many runs as cores, each with one thread unless told otherwise; on CUDA one on each
    GPU, which is the only one that it sees.

    Args:
        device: as `--device` says it.
        jobs: the number of runs at a time; None for as many as fit.
        threads: threads of each run on a CPU.

    Raises:
        UserError: this machine has no such device.
    """
    kind = select_device(device).type
    if kind == "cpu":
        count = jobs or max(1, usable_cores() // threads)
        return "cpu", [{"OMP_NUM_THREADS": str(threads)}] * count
    if kind != "cuda" or ":" in device:  # a single one
        return device, [{}] * (jobs or 1)
    named = [name for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    gpus = named or [str(number) for number in range(torch.cuda.device_count())]
    if not gpus:
        raise UserError("--device cuda: no GPU is visible")
    return "cuda", [{VISIBLE: gpus[number % len(gpus)]} for number in range(jobs or len(gpus))]
