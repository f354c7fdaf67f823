"""Evaluating the weights of a run with all its processes, and what its folder keeps of that."""

import copy
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.evaluator import EvalSettings, evaluate
from yolox_ela.evaluate.saved import SavedEvaluation, save_evaluation
from yolox_ela.network.model import YoloxNano
from yolox_ela.recipe import Recipe
from yolox_ela.report.predictions import draw_predictions, save_png
from yolox_ela.train.pace import Pace
from yolox_ela.train.progress import Stopwatch, headline
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.step import TrainStep
from yolox_ela.train.trackers import RunTrackers


def score_network(
    network: YoloxNano, split: VocSplit, recipe: Recipe, accelerator: Accelerator
) -> tuple[dict[str, Any], Detections]:
    """Evaluate a network on a split, together with the other processes.

    Args:
        network: on the accelerator's device; its buffers, BatchNorm's statistics, become those of
            the first process on all.
        split: images to evaluate on.
        recipe: gives input size, thresholds, batch and workers.
        accelerator: device and processes.

    Returns:
        The results of `score_detections` and all detections, the same on every process.
    """
    world = accelerator.num_processes
    if world > 1:
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, 0)
    return evaluate(
        network,
        split,
        EvalSettings.of(recipe),
        device=accelerator.device,
        batch_size=max(1, recipe.batch_size // world),
        workers=recipe.workers,
        rank=accelerator.process_index,
        world=world,
    )


def keep_evaluation(
    results: dict[str, Any], detections: Detections, split: VocSplit, folder: RunFolder
) -> np.ndarray:
    """Write evaluation.npz and predictions.png; the picture of `draw_predictions`.

    Raises:
        UserError: a file cannot be written.
    """
    save_evaluation(folder.evaluation, SavedEvaluation(detections, split, results))
    sheet = draw_predictions(detections, split)
    save_png(sheet, folder.path / "predictions.png")
    return sheet


class RunEvaluator:
    """Evaluates a run's weights on its test split, and times that.

    Args:
        split: images to evaluate on.
        recipe: the run's settings.
        accelerator: device and processes.
        folder: the run's folder, which keeps the newest detections.
        trackers: receive a picture of them.
        pace: receives the time of each evaluation.
    """

    def __init__(
        self,
        split: VocSplit,
        recipe: Recipe,
        accelerator: Accelerator,
        folder: RunFolder,
        trackers: RunTrackers,
        pace: Pace,
    ) -> None:
        self._split, self._recipe, self._accelerator = split, recipe, accelerator
        self._folder, self._trackers, self._pace = folder, trackers, pace

    def averaged(self, network: YoloxNano, step: int) -> dict[str, Any]:
        """Results of the weights to keep, the same on every process.

        Args:
            network: these weights.
            step: number of steps done, for the trackers.
        """
        watch = Stopwatch()
        results, detections = score_network(network, self._split, self._recipe, self._accelerator)
        if self._accelerator.is_main_process:
            sheet = keep_evaluation(results, detections, self._split, self._folder)
            self._trackers.log_image("predictions", sheet, step)
        self._pace.add_evaluation(watch.lap())
        return results

    def unaveraged(self, step: TrainStep) -> dict[str, float]:
        """The mean APs of the weights as trained, each name with `raw_` before it."""
        watch = Stopwatch()
        network = copy.deepcopy(step.ema.model)  # not of the trained one, which accelerate wraps
        network.load_state_dict(step.network.state_dict())
        results, _ = score_network(network, self._split, self._recipe, self._accelerator)
        self._pace.add_evaluation(watch.lap())
        return {f"raw_{metric}": value for metric, value in headline(results).items()}
