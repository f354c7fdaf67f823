"""The steps of a run: one after the other, their losses read and checked."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from loguru import logger
from torch import Tensor

from yolox_ela.augment.feed import Batch
from yolox_ela.augment.loader import SampleKey
from yolox_ela.system.determinism import is_deterministic
from yolox_ela.train.finite import FiniteGuard
from yolox_ela.train.network_step import NetworkStep
from yolox_ela.train.records import RunRecords
from yolox_ela.train.task import Task
from yolox_ela.train.together import together

READ_INTERVAL = 10  # steps between reads of the loss, on a GPU


class RunSteps:
    """Takes a run's steps, and makes sure that their numbers are right.

    Args:
        step: the optimizer step.
        task: gives the samples of a batch, and says how a step is taken.
        records: receives losses and times, and knows the run and how far it is.
    """

    def __init__(self, step: NetworkStep, task: Task, records: RunRecords) -> None:
        self.step, self.task, self.records = step, task, records
        self.recipe, self.steps_per_epoch = records.recipe, records.steps_per_epoch
        self.accelerator = records.accelerator
        rank = f"rank{self.accelerator.process_index}"
        self.guard = FiniteGuard(
            records.folder,
            rank,
            step.network,
            records.columns.loss_names,
            replays=task.replays,
        )
        each = self.accelerator.device.type == "cpu" or is_deterministic()
        self.read_interval = 1 if each else READ_INTERVAL
        self._skipped_told = 0
        self._newest_keys: list[SampleKey] = []  # the newest step's, for `_describe_step`
        self._newest_samples: tuple[Any, ...] = ()

    def take(self, batch: Batch) -> list[float] | None:
        """One optimizer step; the losses if they were read at this step."""
        recipe, progress = self.recipe, self.records.progress
        self._newest_keys, self._newest_samples = batch.keys, self.task.samples(batch)
        losses = self.task.take(
            self.step,
            self._newest_samples,
            progress.step,
            lr=self.task.learning_rate(progress.step),
            frozen=progress.step < recipe.freeze_backbone_steps,
            check=self._check if self.read_interval == 1 else None,
        )
        self.records.add_losses(losses)
        progress.step += 1

        row = None
        if self.is_read_step() or progress.step % self.steps_per_epoch == 0:
            row = self._read_losses()
        self.records.add_step()
        return row

    def last_rate(self) -> float:
        """The learning rate of the last step."""
        return self.task.learning_rate(self.records.progress.step - 1)

    def is_read_step(self) -> bool:
        """Whether the losses are read after the last step even if it ended no epoch."""
        return self.records.progress.step % self.read_interval == 0

    def _check(self, what: str, value: Tensor) -> None:
        """Look at a step before it changes the weights, so that a dump can be replayed.

        All processes look at the same moment; if several find wrong numbers, one of them says so.
        """
        step = self.records.progress.step + 1
        check = partial(self.guard.require_finite, what, value, step, self._describe_step)
        together(self.accelerator, check)

    def _read_losses(self) -> list[float] | None:
        """Add the losses since the last read to the epoch's sums; None if there are none.

        Raises:
            UserError: one of them is not finite; see `FiniteGuard`.
        """
        rows, step = self.records.read_losses(), self.records.progress.step
        check = partial(self.guard.require_losses, rows, step, self._describe_step)
        together(self.accelerator, check)
        self.records.sum_losses(rows)
        return rows[-1] if rows else None

    def require_sound(self) -> None:
        """Check losses and weights before anything is saved.

        Raises:
            UserError: one is not finite, see `FiniteGuard`; or the averaged weights do not follow
                the trained ones.
        """
        losses = self._read_losses() or [0.0] * len(self.records.columns.losses)
        if self.step.skipped > self._skipped_told:
            logger.info(
                "{} steps were skipped since fp16 overflowed; {} in this session",
                self.step.skipped - self._skipped_told,
                self.step.skipped,
            )
            self._skipped_told = self.step.skipped

        def check() -> None:
            self.guard.require_weights(losses, self.records.progress.step, self._describe_step)
            self.step.require_following(self.last_rate())

        together(self.accelerator, check)

    def _describe_step(self, step: int) -> dict[str, Any]:
        """What a dump of numbers that are not finite tells about a step (from 1) and its batch."""
        return {
            "lr": self.task.learning_rate(step - 1),
            "process": self.accelerator.process_index,
            "recipe": self.recipe.to_dict(),
            "package_experiment": self.recipe.package_name,
            "last_batch_ids": [
                str(self.task.train_samples.ids[key.image]) for key in self._newest_keys
            ],
            "last_batch_images": self._newest_samples[0].cpu(),
            "last_batch_targets": _on_cpu(self._newest_samples[1]),
            **self.task.describe(self.step, step - 1),
        }


def _on_cpu(targets: Any) -> Any:
    """A tensor, or tensors in lists and mappings, as a dump may hold them."""
    if isinstance(targets, Tensor):
        return targets.cpu()
    if isinstance(targets, Mapping):
        return {name: _on_cpu(value) for name, value in targets.items()}
    return [_on_cpu(value) for value in targets]
