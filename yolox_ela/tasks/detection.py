"""Detection by YOLOX: what the loop of training needs to know of it; see `train/task.py`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from yolox_ela.augment.feed import Batch, Feed, HostFeed
from yolox_ela.augment.loader import steps_per_epoch
from yolox_ela.augment.multiscale import input_size, network_input
from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.evaluator import EvalSettings, evaluate
from yolox_ela.evaluate.results_file import read_results
from yolox_ela.evaluate.saved import SavedEvaluation, save_evaluation
from yolox_ela.network.model import Yolox
from yolox_ela.recipe import Recipe
from yolox_ela.report.predictions import draw_predictions, save_png
from yolox_ela.train.class_weights import class_weights, log_class_weights
from yolox_ela.train.columns import DETECTION
from yolox_ela.train.network_step import Check
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.schedule import learning_rate
from yolox_ela.train.step import TrainStep
from yolox_ela.train.task import Evaluation


class Detection:
    """Training YOLOX on a split, and evaluating it on another one; a `Task`.

    Args:
        recipe: all settings.
        train_split: images to train on.
        test_split: images to evaluate on.
        accelerator: device, precision and processes.
        feed: samples of `train_split`; by default loader processes render them from files.

    Raises:
        UserError: class weights are given to classes that the data do not have.
    """

    replays = True

    def __init__(
        self,
        recipe: Recipe,
        train_split: VocSplit,
        test_split: VocSplit,
        accelerator: Accelerator,
        feed: Feed | None = None,
    ) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        self.train_samples, self.test_samples = train_split, test_split
        self.feed: Feed = feed or HostFeed(train_split, recipe, accelerator.device)
        self.columns = replace(DETECTION, headline=test_split.headline)
        self._steps_per_epoch = steps_per_epoch(len(train_split), recipe)

    def build_step(self, network: Yolox, *, compile: bool) -> TrainStep:
        """The optimizer step of a detector, with the recipe's class weights in its loss."""
        weights = class_weights(self.recipe, self.train_samples)
        log_class_weights(weights, self.train_samples)
        return TrainStep(
            network, self.recipe, self.accelerator, class_weights=weights, compile=compile
        )

    def loader(self, *, start: int, rank: int, world: int) -> Iterable[Batch]:
        """See `Feed.loader`."""
        return self.feed.loader(start=start, rank=rank, world=world)

    def samples(self, batch: Any) -> tuple[Tensor, Tensor]:
        """See `Feed.samples`."""
        return self.feed.samples(batch)

    def losses(self, network: nn.Module, samples: tuple[Any, ...]) -> Mapping[str, Any]:
        """The losses of a batch at the recipe's own input size."""
        images, targets = samples
        return network(*network_input(images, targets, self.recipe.image_size))

    def take(
        self,
        step: TrainStep,
        samples: tuple[Any, ...],
        number: int,
        *,
        lr: float,
        frozen: bool,
        check: Check | None,
    ) -> Mapping[str, Any]:
        """Take a step at the input size that belongs to it; see `Task.take`."""
        epoch, (images, targets) = number // self._steps_per_epoch, samples
        return step(
            *network_input(images, targets, input_size(number, self.recipe)),
            lr,
            use_l1=epoch >= self.recipe.epochs - self.recipe.final_epochs,
            frozen=frozen,
            check=check,
        )

    def learning_rate(self, number: int) -> float:
        """See `schedule.learning_rate`."""
        return learning_rate(number, self._steps_per_epoch * self.recipe.epochs, self.recipe)

    def describe(self, step: TrainStep, number: int) -> dict[str, Any]:
        """Input size, L1 loss and class weights, which a replay needs."""
        return {
            "input_size": list(input_size(number, self.recipe)),
            "use_l1": bool(step.network.head.use_l1),
            "class_weights": step.network.head.class_weights,
        }

    def evaluate(self, network: Yolox) -> Evaluation:
        """The results of `score_detections`, and all detections."""
        results, detections = score_network(
            network, self.test_samples, self.recipe, self.accelerator
        )
        return Evaluation(results, detections)

    def keep(self, evaluation: Evaluation, folder: RunFolder) -> np.ndarray:
        """Write evaluation.npz and predictions.png."""
        return keep_evaluation(evaluation.results, evaluation.found, self.test_samples, folder)

    def read_results(self, path: Path) -> dict[str, Any]:
        """See `results_file.read_results`."""
        return read_results(path)


def score_network(
    network: Yolox, split: VocSplit, recipe: Recipe, accelerator: Accelerator
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
