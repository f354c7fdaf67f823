"""What a run saves: its state, from which `--resume` continues, and the weights to use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from loguru import logger
from torch import nn

from yolox_ela.run_settings import RunSettings
from yolox_ela.train.checkpoint import require_same_run, save_checkpoint
from yolox_ela.train.data_of_run import data_entries, require_same_data
from yolox_ela.train.network_step import NetworkStep
from yolox_ela.train.progress import Progress, mean_over_processes
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.state_entries import remedy_of, require_position, require_state
from yolox_ela.train.task import Task


@dataclass(frozen=True)
class Origin:
    """Where the weights of a run come from.

    Attributes:
        start: name of the starting weights in tables of results.
        start_sha256: their digest; see `Start`.
        commit: commit of the source tree that trains them.
    """

    start: str
    start_sha256: str
    commit: str


class RunSaver:
    """Writes and reads the checkpoints of a run.

    Args:
        folder: the run's folder.
        recipe: the run's settings.
        task: gives the data and the names of losses and scores.
        accelerator: device and processes.
    """

    def __init__(
        self,
        folder: RunFolder,
        recipe: RunSettings,
        task: Task,
        accelerator: Accelerator,
    ) -> None:
        self.folder, self.recipe, self.accelerator = folder, recipe, accelerator
        self.columns, self.data = task.columns, (task.train_samples, task.test_samples)

    def save_state(self, step: NetworkStep, progress: Progress, origin: Origin) -> None:
        """Write state.pth: all that `load_state` needs to continue as if nothing had happened.

        All processes call this; the main one writes.
        """
        loss_sums = gather_object([progress.loss_sums])
        if not self.accelerator.is_main_process:
            return
        content = {
            **step.state_dict(),
            "progress": progress.to_dict(),
            "loss_sums": loss_sums,  # one entry per process
            "threads": torch.get_num_threads(),
            **self._common_entries(origin),
        }
        save_checkpoint(self.folder.state, content)

    def load_state(
        self, content: Mapping[str, Any], step: NetworkStep, steps_per_epoch: int, commit: str
    ) -> tuple[Progress, Origin]:
        """Continue with the weights and the number of threads of state.pth.

        Args:
            content: what `read_checkpoint` gives of it.
            step: receives the weights and everything else that `NetworkStep.state_dict` gave.
            steps_per_epoch: number of steps in an epoch.
            commit: the present commit, for the origin.

        Returns:
            How far the run is, with this process's sums of losses, and where it started from.

        Raises:
            UserError: the state is damaged, or belongs to other settings or data.
        """
        path = self.folder.state
        require_state(content, path, self.columns.loss_names)
        require_same_run(content, self.recipe, self.folder.path)
        require_same_data(content, *self.data, self.folder.data)
        remedy, progress = remedy_of(content), Progress(**content["progress"])
        require_position(progress, self.recipe.epochs, steps_per_epoch, path, remedy)
        step.load_state_dict(content, path, remedy)
        progress.loss_sums = self._own_loss_sums(content, progress)
        self._restore_threads(content)
        return progress, Origin(content.get("start", ""), content.get("start_sha256", ""), commit)

    def save_weights(
        self, network: nn.Module, row: Mapping[str, Any], origin: Origin, *, is_best: bool
    ) -> None:
        """Write last.pth, and best.pth if these weights are the best so far.

        Args:
            network: the averaged weights.
            row: the epoch's row of the history.
            origin: where the weights come from.
            is_best: whether no evaluated epoch before scored as high.
        """
        content = {
            # The key of upstream's checkpoints.
            "model": {name: tensor.cpu() for name, tensor in network.state_dict().items()},
            "experiment": self.recipe.name,
            "classes": list(self.recipe.classes),
            "epoch": row["epoch"],
            "metrics": {key: row[key] for key in self.columns.scores if key in row},
            "train_images": len(self.data[0]),
            **self._common_entries(origin),
        }
        save_checkpoint(self.folder.last, {**content, "weights": "last"})
        if is_best:
            save_checkpoint(self.folder.best, {**content, "weights": "best"})

    def _common_entries(self, origin: Origin) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_dict(),
            "package_experiment": self.recipe.package_name,
            **data_entries(*self.data),
            "start": origin.start,
            "start_sha256": origin.start_sha256,
            "commit": origin.commit,
        }

    def _own_loss_sums(self, content: Mapping[str, Any], progress: Progress) -> list[float]:
        """The epoch's sums of losses so far, as this process had computed them."""
        world, sums = self.accelerator.num_processes, content.get("loss_sums")
        if sums is None:  # the state of an older version has the first process's sums alone
            return progress.loss_sums
        if len(sums) == world:
            return sums[self.accelerator.process_index]
        logger.warning(
            "resuming on {} processes instead of {}: the same data and schedule, but "
            "BatchNorm normalises other shares of each batch, and sums are rounded differently",
            world,
            len(sums),
        )
        return mean_over_processes(sums)

    def _restore_threads(self, content: Mapping[str, Any]) -> None:
        """Compute with as many threads as the run did before."""
        threads = content.get("threads", torch.get_num_threads())
        if self.accelerator.device.type == "cpu" and threads != torch.get_num_threads():
            logger.info(
                "number of threads: {}, as the run had before, not {}: sums over another number "
                "are rounded differently",
                threads,
                torch.get_num_threads(),
            )
            torch.set_num_threads(threads)
