"""Numbers that are no longer finite: found before anything is saved, and dumped."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import torch
from torch import nn

from yolox_ela.errors import UserError
from yolox_ela.train.checkpoint import save_checkpoint
from yolox_ela.train.run_folder import RunFolder


def first_non_finite(rows: Sequence[Sequence[float]]) -> int | None:
    """Position of the first step with a loss that is infinite or not a number."""
    for position, row in enumerate(rows):
        if not all(math.isfinite(value) for value in row):
            return position
    return None


def all_finite(model: nn.Module) -> bool:
    """Whether every weight and statistic of a network is finite."""
    tensors = [t for t in model.state_dict().values() if t.is_floating_point()]
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())


def dump_non_finite(
    folder: RunFolder, process: str, what: str, content: Mapping[str, Any]
) -> NoReturn:
    """Write what led to such numbers into the run's folder, and end the run.

    Args:
        folder: of the run; its checkpoints stay as they are.
        process: part of the dump's name.
        what: what is not finite, for the message.
        content: `step` and `losses`, and whatever else helps to find the cause.

    Raises:
        UserError: always.
    """
    path = folder.path / f"nonfinite_{process}.pth"
    save_checkpoint(path, content)
    kept = "no state had been saved yet"
    if folder.state.exists():
        kept = f"the last good state is in {folder.state}"
    raise UserError(
        f"{what} is not finite at step {content['step']} (losses {content['losses']}); batch and "
        f"weights are in {path}, {kept}. Lower lr, set grad_clip 10, or use --precision fp32"
    )
