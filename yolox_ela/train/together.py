"""Work after which all processes of a run continue together, or end together."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from yolox_ela.errors import EndedElsewhereError, UserError

T = TypeVar("T")


def together(accelerator: Accelerator, act: Callable[[], T], *, first: bool = True) -> T:
    """Let every process act, and none go on before all have succeeded.

    If one fails alone, the others would otherwise wait for it, for hours; if all fail alike, each
    would print the same message.

    Args:
        accelerator: the run's processes.
        act: what to do; must not exchange anything with other processes.
        first: whether this process acts at once, or after those that do have succeeded.

    Returns:
        What `act` returned on this process.

    Raises:
        EndedElsewhereError: another process has failed, and reports why.
        Exception: what `act` raised on this process.
    """
    if accelerator.num_processes == 1:
        return act()
    results: list[T] = []
    for turn in (True, False):
        error: Exception | None = None
        if first is turn:
            try:
                results.append(act())
            except Exception as caught:  # raised below, once the others know
                error = caught
        flag = torch.tensor([float(error is not None)], device=accelerator.device)
        failed = [value > 0 for value in accelerator.gather(flag).tolist()]
        if any(failed):
            reports = failed.index(True) == accelerator.process_index
            if error is not None and (reports or not isinstance(error, UserError)):
                raise error
            raise EndedElsewhereError(f"process {failed.index(True)} of the run has failed")
    return results[0]


def on_main(accelerator: Accelerator, act: Callable[[], T]) -> T:
    """What `act` returns on the main process, on every process; a failure ends all.

    Raises:
        EndedElsewhereError: on the others, when `act` failed.
        Exception: on the main process, what `act` raised.
    """
    choice: list[Any] = [
        together(accelerator, lambda: act() if accelerator.is_main_process else None)
    ]
    if accelerator.num_processes > 1:
        broadcast_object_list(choice)
    return choice[0]


def any_process(accelerator: Accelerator, *wishes: bool) -> list[bool]:
    """For each wish whether any process has it; all processes call this at the same step."""
    if accelerator.num_processes == 1:
        return list(wishes)
    flags = torch.tensor([float(wish) for wish in wishes], device=accelerator.device)
    return (accelerator.reduce(flags, "sum") > 0).tolist()
