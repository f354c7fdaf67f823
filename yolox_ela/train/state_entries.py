"""What the state of a run must hold, so that the run can be resumed as if nothing had happened."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yolox_ela.choices import MOST_THREADS
from yolox_ela.errors import UserError
from yolox_ela.network.entries import OF_RUNS, VALUE_RANGE
from yolox_ela.schema import (
    AMOUNT,
    ANYTHING,
    COUNT,
    FINITE,
    NUMBER,
    UNKNOWN,
    Kind,
    listed,
    mapped,
    optional,
    record,
    require,
)
from yolox_ela.train.progress import LOSS_PARTS, Progress

TENSOR = Kind("a tensor", lambda value: isinstance(value, Tensor))
TENSORS = mapped(TENSOR, "a state dict")
THREADS = Kind(
    f"a whole number from 1 to {MOST_THREADS}",
    lambda value: COUNT.holds(value) and 1 <= value <= MOST_THREADS,
)
BEST = Kind(  # a larger one would let no later weights be kept as the best
    "a score from 0 to 1, or -1 before the first",
    lambda value: NUMBER.holds(value) and (0 <= value <= 1 or value == -1),
)
ROW = record({"epoch": COUNT}, others=optional(NUMBER), words="an epoch's numbers by name")
SLOT = Kind(
    "a tensor, a number or nothing",
    lambda value: value is None or isinstance(value, Tensor) or NUMBER.holds(value),
)
OPTIMIZER = record(
    {
        "state": mapped(mapped(SLOT), "a mapping of parameters' numbers", keys=int),
        "param_groups": listed(record({"params": listed(COUNT)})),
    }
)


def state_kind(losses: Sequence[str]) -> Kind:
    """What the state of a run is, whose losses have these names."""
    sums = listed(NUMBER, len(losses), f"the sums of {', '.join(losses)}")
    progress = record(
        {"step": COUNT},
        optional={
            "best": BEST,
            "best_epoch": COUNT,
            "history": listed(ROW),
            "loss_sums": sums,
            "train_seconds": AMOUNT,
            "wait_seconds": AMOUNT,
            "total_seconds": AMOUNT,
        },
        others=UNKNOWN,
    )
    return record(
        {
            "recipe": ANYTHING,  # checked in every file; see `checked_entries`
            "model": TENSORS,
            "ema": TENSORS,
            "ema_updates": COUNT,
            "optimizer": OPTIMIZER,
            "scaler": optional(mapped(FINITE)),
            "progress": progress,
            "train_data": OF_RUNS["train_data"],
        },
        optional={  # the first versions wrote none of these
            **OF_RUNS,
            "classes": ANYTHING,  # checked in every file
            "value_range": VALUE_RANGE,
            "start_weights": optional(TENSORS),
            "loss_sums": Kind(
                "a list of numbers for each process",
                lambda value: isinstance(value, list) and len(value) > 0,
                listed(sums).parts,
            ),
            "threads": THREADS,
        },
        others=UNKNOWN,
    )


def require_state(
    content: Mapping[str, Any], source: Path, losses: Sequence[str] = LOSS_PARTS
) -> None:
    """Check that a file is the state of a run, apart from what depends on the network.

    Args:
        content: content of the file, as `read_checkpoint` returns it.
        source: path of the file, for messages.
        losses: what the run's losses are called.

    Raises:
        UserError: an entry is missing, unknown or has an invalid value.
    """
    lacking = [name for name in ("ema", "optimizer", "progress") if name not in content]
    if lacking:
        raise UserError(
            f"{source} is not the state of a run: it has no {', '.join(lacking)}; put the run's "
            f"own {source.name} back, or start a new run from its weights (-c last.pth)"
        )
    require(content, state_kind(losses), source, remedy_of(content))
    updates, step = content["ema_updates"], content["progress"]["step"]
    if updates != step:
        raise UserError(
            f"{source} does not belong together: {step} steps are done, and its average has "
            f"{updates} updates; {remedy_of(content)}"
        )


def require_position(
    progress: Progress, epochs: int, steps_per_epoch: int, source: Path, remedy: str
) -> None:
    """Check that step, history and best epoch of a run agree, and lie within it.

    Raises:
        UserError: they do not.
    """
    done, rest = divmod(progress.step, steps_per_epoch)
    recorded = [row["epoch"] for row in progress.history if row["epoch"] > 0]
    possible = [done, done - 1] if rest == 0 else [done]  # stopped while the epoch was evaluated
    in_order = recorded == list(range(1, len(recorded) + 1)) and len(recorded) in possible
    if progress.step > epochs * steps_per_epoch or not (in_order or not (done or recorded)):
        raise UserError(
            f"{source} does not belong together: {progress.step} steps are done, of {epochs} "
            f"epochs of {steps_per_epoch} steps, and its history has {len(recorded)} epochs; "
            f"{remedy}"
        )
    if progress.best_epoch > len(recorded):  # `patience` counts from it
        raise UserError(
            f"{source}: its entry 'progress.best_epoch' must be a whole number from 0 to "
            f"{len(recorded)}, the epochs that are done, not {progress.best_epoch}; {remedy}"
        )


def require_fitting(
    tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], name: str, source: Path, remedy: str
) -> None:
    """Check that a state dict has the tensors of this network, each with finite numbers.

    Args:
        tensors: those of the file.
        own: those of the network.
        name: the entry of the file.
        source: path of the file, for messages.
        remedy: what to do otherwise.

    Raises:
        UserError: a tensor is missing, unknown, or another one.
    """
    for key in (*own, *tensors):
        if key not in tensors or key not in own:
            what = "is missing" if key not in tensors else "is unknown to this network"
        elif tensors[key].shape != own[key].shape or tensors[key].dtype != own[key].dtype:
            what = f"must be {_kind(own[key])}, not {_kind(tensors[key])}"
        elif not bool(tensors[key].isfinite().all()):
            what = "has values that are not finite"
        else:
            continue
        raise UserError(f"{source}: its entry '{name}.{key}' {what}; {remedy}")


def fitted_optimizer(
    saved: Mapping[str, Any], optimizer: torch.optim.Optimizer, source: Path, remedy: str
) -> dict[str, Any]:
    """An optimizer's saved state with the settings of the present one, which follow the recipe.

    Raises:
        UserError: its groups are others, or its memory is not that of these parameters.
    """
    own = optimizer.state_dict()
    ours, theirs = ([g["params"] for g in s["param_groups"]] for s in (own, saved))
    if ours != [list(numbers) for numbers in theirs]:
        raise UserError(
            f"{source}: its entry 'optimizer' has {len(theirs)} groups of parameters, and this "
            f"version has {len(ours)}, or others in them; {remedy}"
        )
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, slots in saved["state"].items():
        for slot, value in slots.items():
            what = _slot_fault(value, number, parameters)
            if what:
                raise UserError(f"{source}: its entry 'optimizer.state.{number}.{slot}' {what}; "
                                f"{remedy}")  # fmt: skip
    return {"state": saved["state"], "param_groups": own["param_groups"]}


def remedy_of(content: Mapping[str, Any]) -> str:
    """What to do about a state that cannot be resumed."""
    commit = content.get("commit") or "of its environment.json"
    return (
        f"put the run's own state.pth back; if another version has written it, resume with commit "
        f"{commit}; or start a new run with -c last.pth"
    )


def _slot_fault(value: Any, number: int, parameters: list[Tensor]) -> str:
    """What is wrong with a value that an optimizer remembers of a parameter; empty if nothing."""
    if number not in range(len(parameters)):
        return "belongs to no parameter"
    if not isinstance(value, Tensor):
        return ""
    if value.ndim and value.shape != parameters[number].shape:
        return f"must have the shape {tuple(parameters[number].shape)}, not {tuple(value.shape)}"
    if not value.is_floating_point() or not bool(value.isfinite().all()):
        return "must be finite numbers"
    return ""


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
