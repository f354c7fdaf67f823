"""Device, precision and processes of a run, through Hugging Face accelerate."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.state import AcceleratorState, GradientState, PartialState

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


@contextmanager
def state_of_caller() -> Iterator[None]:
    """Let accelerate start anew within `with`, and leave its state as it was before.

    accelerate keeps one device and one precision for the whole program and refuses others. Where
    several processes run, their connection is kept.
    """
    states: list[Any] = [AcceleratorState, GradientState]
    if "WORLD_SIZE" not in os.environ:
        states.append(PartialState)
    kept = [dict(state._shared_state) for state in states]
    _set_states(states, [{} for _ in states])
    try:
        yield
    finally:
        _set_states(states, kept)


def _set_states(states: Sequence[Any], entries: Sequence[Mapping[str, Any]]) -> None:
    # All objects of these classes share one dictionary each, so it is filled, not replaced.
    for state, content in zip(states, entries, strict=True):
        state._shared_state.clear()
        state._shared_state.update(content)
