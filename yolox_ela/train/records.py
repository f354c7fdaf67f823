"""What is recorded of a run: losses, times and scores, and the files and lines that show them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object
from loguru import logger
from torch import Tensor

from yolox_ela.report.curves import save_curves
from yolox_ela.report.start import gain_over_start
from yolox_ela.run_settings import RunSettings
from yolox_ela.train.bar import StepStatus
from yolox_ela.train.columns import DETECTION, Columns
from yolox_ela.train.pace import Pace
from yolox_ela.train.progress import (
    Progress,
    StepMonitor,
    Stopwatch,
    epoch_line,
    mean_over_processes,
)
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.run_timing import memory_in_use, summarise_timing
from yolox_ela.train.trackers import RunTrackers

PLOT_SECONDS = 60  # shortest time between two plots of the curves; a plot takes a second


class RunRecords:
    """The records of a run.

    Args:
        recipe: the run's settings.
        folder: the run's folder.
        accelerator: device and processes.
        trackers: receive each epoch's row.
        steps_per_epoch: number of steps in an epoch.
        columns: the losses and scores.

    Attributes:
        metric: the score that decides which epoch is best.
        progress: how far the run is; a resumed run replaces it.
        pace: how fast it is in this session.
    """

    def __init__(
        self,
        recipe: RunSettings,
        folder: RunFolder,
        accelerator: Accelerator,
        trackers: RunTrackers,
        steps_per_epoch: int,
        columns: Columns = DETECTION,
    ) -> None:
        self.columns, self.metric = columns, columns.headline
        self.recipe, self.folder, self.accelerator = recipe, folder, accelerator
        self.trackers, self.steps_per_epoch = trackers, steps_per_epoch
        self.progress = Progress(loss_sums=[0.0] * len(columns.losses))
        self.pace = Pace(recipe, steps_per_epoch)
        self._monitor, self._watch = StepMonitor(columns), Stopwatch()
        self._waited = 0.0
        self._plotted_at = time.monotonic()

    # Within an epoch

    def restart_watch(self) -> None:
        """Do not count the time since the last lap, such as that of an evaluation."""
        self._watch.lap()

    def add_wait(self) -> None:
        """Add the time since the last lap, spent waiting for data, to the epoch."""
        self._waited = self._watch.lap()
        self.progress.wait_seconds += self._waited
        self.progress.train_seconds += self._waited

    def add_step(self) -> None:
        """Add the time since the last lap, spent computing, to the epoch."""
        computed = self._watch.lap()
        self.progress.train_seconds += computed
        self.pace.add_step(self._waited + computed)

    def add_losses(self, losses: Mapping[str, Tensor | float]) -> None:
        """Remember a step's losses without waiting for the device; see `StepMonitor`."""
        self._monitor.add(losses)

    def read_losses(self) -> list[list[float]]:
        """The losses of each step since the last read; waits for the device."""
        return self._monitor.collect()

    def sum_losses(self, rows: Sequence[Sequence[float]]) -> None:
        """Add losses that were read to the epoch's sums."""
        for row in rows:
            sums = self.progress.loss_sums
            self.progress.loss_sums = [a + b for a, b in zip(sums, row, strict=True)]

    def status(self, lr: float, losses: Sequence[float]) -> StepStatus:
        """What a user is shown about the newest step.

        Args:
            lr: the learning rate of that step.
            losses: those of that step.
        """
        step, epochs = self.progress.step, self.recipe.epochs
        return StepStatus(
            step=step,
            total_steps=epochs * self.steps_per_epoch,
            epoch=f"{(step - 1) // self.steps_per_epoch + 1}/{epochs}",
            lr=lr,
            losses=losses,
            images_per_second=self.pace.images_per_second(),
            time_left=self.pace.time_left(step, self.epochs_recorded()),
            names=self.columns.loss_names,
        )

    # At the end of an epoch

    def epochs_recorded(self) -> int:
        """The newest epoch in the history; 0 if none is."""
        return self.progress.history[-1]["epoch"] if self.progress.history else 0

    def epoch_is_open(self) -> bool:
        """Whether the last step ended an epoch that is not yet in the history."""
        epoch, rest = divmod(self.progress.step, self.steps_per_epoch)
        return rest == 0 and epoch > self.epochs_recorded()

    def epoch_row(self, lr: float) -> dict[str, Any]:
        """The row of the epoch that the last step ended, without scores.

        Args:
            lr: the last step's learning rate.
        """
        progress, steps = self.progress, self.steps_per_epoch
        sums = mean_over_processes(gather_object([progress.loss_sums]))
        seconds = progress.train_seconds
        return {
            "epoch": progress.step // steps,
            "step": progress.step,
            "lr": lr,
            **{name: total / steps for name, total in zip(self.columns.losses, sums, strict=True)},
            "train_seconds": round(seconds, 3),
            "images_per_second": round(steps * self.recipe.batch_size / seconds, 2),
            "data_wait_share": round(progress.wait_seconds / seconds, 4),
            **memory_in_use(self.accelerator.device),
        }

    def close_epoch(self, row: dict[str, Any]) -> bool:
        """Add an epoch's row to the history and start the next epoch's sums.

        Args:
            row: from `epoch_row`, with scores and `eval_seconds` if the epoch was evaluated;
                gets `total_seconds`.

        Returns:
            Whether the epoch scored higher than every evaluated epoch before it.
        """
        progress = self.progress
        progress.total_seconds += progress.train_seconds + row.get("eval_seconds", 0.0)
        progress.train_seconds = progress.wait_seconds = 0.0
        progress.loss_sums = [0.0] * len(self.columns.losses)
        row["total_seconds"] = round(progress.total_seconds, 3)
        progress.history.append(row)
        is_best = row.get(self.metric, -1.0) > progress.best
        if is_best:
            progress.best, progress.best_epoch = row[self.metric], row["epoch"]
        self.trackers.log({k: v for k, v in row.items() if k != "step"}, progress.step)
        return is_best

    def has_waited(self) -> bool:
        """Whether the newest epoch was scored, and `patience` epochs have brought no better AP."""
        progress, patience = self.progress, self.recipe.patience
        if patience == 0 or not progress.history or self.metric not in progress.history[-1]:
            return False
        return self.epochs_recorded() - progress.best_epoch >= patience

    def is_complete(self) -> bool:
        """Whether nothing is left to train, also because `patience` has been used up."""
        progress = self.progress
        if progress.step % self.steps_per_epoch or self.epoch_is_open():
            return False
        return progress.step >= self.recipe.epochs * self.steps_per_epoch or self.has_waited()

    def report_patience(self) -> None:
        """Say why the run has ended, if that was before its last epoch."""
        if self.is_complete() and self.epochs_recorded() < self.recipe.epochs:
            logger.info(
                "ended after epoch {} of {}, since patience is {} and no epoch after {} has scored "
                "better than its {} of {:.2f}; --resume patience 0 trains on",
                self.epochs_recorded(),
                self.recipe.epochs,
                self.recipe.patience,
                self.progress.best_epoch,
                self.columns.panels.scores[self.metric],
                100 * self.progress.best,
            )

    def report_start(self) -> None:
        """Compare the last epoch with the starting weights, if those were evaluated.

        A warning says that the training has made them worse.
        """
        gain = gain_over_start(self.progress.history, self.metric)
        if gain is not None:
            logger.log("WARNING" if gain.lost else "INFO", "{}", gain)

    def write(self, results: Mapping[str, Any] | None) -> None:
        """Write results, metrics, times, curves and the log line of the newest epoch.

        Args:
            results: the evaluation's results, if the epoch was evaluated.
        """
        progress, folder = self.progress, self.folder
        if results is not None:
            folder.write_json("results.json", results)
        folder.write_metrics(progress.history)
        folder.write_json("timing.json", summarise_timing(progress.history))
        epochs, epoch = self.recipe.epochs, self.epochs_recorded()
        if (
            epoch == epochs
            or self.has_waited()
            or time.monotonic() - self._plotted_at > PLOT_SECONDS
        ):
            history = {self.recipe.name: progress.history}
            save_curves(history, folder.curves, self.columns.panels)
            self._plotted_at = time.monotonic()
        time_left = None if self.has_waited() else self.pace.time_left(progress.step, epoch)
        logger.info(epoch_line(progress, epochs, time_left, self.metric, self.columns))
