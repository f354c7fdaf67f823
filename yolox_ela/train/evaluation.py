"""Evaluating the weights of a run with all its processes, and what its folder keeps of that."""

from typing import Any

from accelerate import Accelerator
from torch import nn

from yolox_ela.network.copying import copy_network
from yolox_ela.train.network_step import NetworkStep
from yolox_ela.train.pace import Pace
from yolox_ela.train.progress import Stopwatch, headline
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.task import Task
from yolox_ela.train.trackers import RunTrackers


class RunEvaluator:
    """Evaluates a run's weights, and times that.

    Args:
        task: evaluates a network.
        accelerator: device and processes.
        folder: the run's folder, which keeps the newest evaluation.
        trackers: receive a picture of it.
        pace: receives the time of each evaluation.
    """

    def __init__(
        self,
        task: Task,
        accelerator: Accelerator,
        folder: RunFolder,
        trackers: RunTrackers,
        pace: Pace,
    ) -> None:
        self._task, self._accelerator = task, accelerator
        self._folder, self._trackers, self._pace = folder, trackers, pace

    def averaged(self, network: nn.Module, step: int) -> dict[str, Any]:
        """Results of the weights to keep, the same on every process.

        Args:
            network: these weights.
            step: number of steps done, for the trackers.
        """
        watch = Stopwatch()
        evaluation = self._task.evaluate(network)
        if self._accelerator.is_main_process:
            sheet = self._task.keep(evaluation, self._folder)
            if sheet is not None:
                self._trackers.log_image("predictions", sheet, step)
        self._pace.add_evaluation(watch.lap())
        return evaluation.results

    def unaveraged(self, step: NetworkStep) -> dict[str, float]:
        """The scores of the weights as trained, each name with `raw_` before it."""
        watch = Stopwatch()
        network = copy_network(step.ema.model)  # not of the trained one, which accelerate wraps
        network.load_state_dict(step.network.state_dict())
        results = self._task.evaluate(network).results
        self._pace.add_evaluation(watch.lap())
        scores = headline(results, self._task.columns)
        return {f"raw_{metric}": value for metric, value in scores.items()}
