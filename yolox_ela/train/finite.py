"""Numbers that are no longer finite: found before anything is saved, and dumped."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from yolox_ela.errors import UserError
from yolox_ela.train.checkpoint import save_checkpoint
from yolox_ela.train.progress import LOSS_PARTS
from yolox_ela.train.run_folder import RunFolder


class FiniteGuard:
    """Ends a run whose losses or weights are infinite or not a number; its checkpoints stay.

    Args:
        folder: the run's folder, which receives the dump.
        process: part of the dump's name.
        network: the network whose weights are trained.
        losses: what the losses are called.
        replays: whether `train/replay.py` can compute the dumped step again.
    """

    def __init__(
        self,
        folder: RunFolder,
        process: str,
        network: nn.Module,
        losses: Sequence[str] = LOSS_PARTS,
        *,
        replays: bool = True,
    ) -> None:
        self._folder, self._process, self._network = folder, process, network
        self._losses, self._replays = losses, replays

    def require_losses(
        self,
        rows: Sequence[Sequence[float]],
        last_step: int,
        describe: Callable[[int], Mapping[str, Any]],
    ) -> None:
        """Make sure that the losses of the newest steps are finite.

        Args:
            rows: the losses of each step.
            last_step: number of the newest step, from 1.
            describe: what the dump says of a step beside its losses and the weights.

        Raises:
            UserError: a loss is not finite.
        """
        for step, row in enumerate(rows, last_step - len(rows) + 1):
            if not all(math.isfinite(value) for value in row):
                self._stop("the loss", step, self._by_name(row), describe)

    def require_finite(
        self, what: str, value: Tensor, step: int, describe: Callable[[int], Mapping[str, Any]]
    ) -> None:
        """Make sure that a loss or the norm of a gradient is finite, while the weights are as the
        step has found them.

        Args:
            what: its name in the message.
            value: the number, a tensor of no dimensions.
            step: the step's number, from 1.
            describe: as in `require_losses`.

        Raises:
            UserError: it is not finite.
        """
        if not value.isfinite():
            self._stop(what, step, {what: value.item()}, describe)

    def require_weights(
        self, losses: Sequence[float], step: int, describe: Callable[[int], Mapping[str, Any]]
    ) -> None:
        """Make sure that every weight and statistic is finite.

        Args:
            losses: those of the newest step.
            step: its number, from 1.
            describe: as in `require_losses`.

        Raises:
            UserError: a number is not finite.
        """
        tensors = [t for t in self._network.state_dict().values() if t.is_floating_point()]
        if not torch.stack([tensor.isfinite().all() for tensor in tensors]).all():
            self._stop("a weight", step, self._by_name(losses), describe)

    def _stop(
        self,
        what: str,
        step: int,
        values: Mapping[str, float],
        describe: Callable[[int], Mapping[str, Any]],
    ) -> NoReturn:
        path = self._folder.path / f"nonfinite_{self._process}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)  # on another machine than the main process
        content = {"step": step, "losses": dict(values), "model": self._network.state_dict()}
        save_checkpoint(path, {**content, **describe(step)})
        kept = "no state had been saved yet"
        if self._folder.state.exists():
            kept = f"the last good state is in {self._folder.state}"
        replay = ""
        if self._replays:
            replay = (
                f"; `python -m yolox_ela.train.replay {path}` names the layer"
                f"{_condition(self._network)}"
            )
        raise UserError(
            f"{what} is not finite at step {step} ({dict(values)}); batch and weights are in "
            f"{path}, {kept}. Lower lr, set grad_clip 10, or use --precision fp32{replay}"
        )

    def _by_name(self, losses: Sequence[float]) -> dict[str, float]:
        return dict(zip(self._losses, losses, strict=True))


def _condition(network: nn.Module) -> str:
    """Steps on a GPU are only looked at together, unless --deterministic is given."""
    if next(network.parameters()).device.type == "cpu":
        return ""
    return (
        ", once the run has come here again with --resume --deterministic, which checks each step"
    )
