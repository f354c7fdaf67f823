"""What trainings of the paper's other networks have in common; see `train/task.py`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from yolox_ela.augment.loader import SampleKey, StepSampler, steps_per_epoch
from yolox_ela.augment.plan import sample_generator
from yolox_ela.augment.workers import worker_options
from yolox_ela.report.hosts import read_host_results
from yolox_ela.system.randomness import isolated_generators
from yolox_ela.tasks.host_recipe import HostRecipe
from yolox_ela.train.columns import Columns
from yolox_ela.train.network_step import Check, NetworkStep
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.task import Evaluation, Samples

# ImageNet's, of RGB in 0-1, which torchvision's pretrained weights expect.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Augmented(Protocol):
    """Makes samples from the images of a set; pickled into loader processes."""

    def __call__(self, index: int, *, training: bool) -> tuple[Tensor, Any]:
        """An image (3, H, W) float, normalised, and its target; in training at random."""


@dataclass
class HostBatch:
    """A batch of one process.

    Attributes:
        keys: the samples.
        images: (B, 3, H, W) normalised RGB, padded with zeros to the largest of them.
        targets: a tensor (B, ...), or a list of B mappings of tensors.
    """

    keys: list[SampleKey]
    images: Tensor
    targets: Any


class TrainSet(Dataset):
    """Augmented samples, looked up by `SampleKey`, which with the seed determines them.

    Args:
        size: number of images.
        seed: the run's.
        sample: makes the samples.
    """

    def __init__(self, size: int, seed: int, sample: Augmented) -> None:
        self._size, self._seed, self._sample = size, seed, sample

    def __len__(self) -> int:
        return self._size

    def __getitems__(self, keys: Sequence[SampleKey]) -> HostBatch:
        """A batch."""
        samples = []
        for key in keys:
            generator = sample_generator(self._seed, key.epoch, key.image)
            with isolated_generators(int(generator.integers(2**62))):
                samples.append(self._sample(key.image, training=True))
        images, targets = zip(*samples, strict=True)
        return HostBatch(list(keys), padded(images), joined(targets))


class EvaluatedSet(Dataset):
    """The images of a set as they are evaluated."""

    def __init__(self, size: int, sample: Augmented) -> None:
        self._size, self._sample = size, sample

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> tuple[int, Tensor, Any]:
        """The number of an image, the image and its target."""
        return (index, *self._sample(index, training=False))


class HostTask:
    """A training of another network than YOLOX.

    A subclass says how samples are made, what the loss is, and how it is evaluated.

    Args:
        recipe: all settings.
        train_samples: images to train on.
        test_samples: images to evaluate on.
        accelerator: device, precision and processes.
    """

    columns: Columns
    replays = False

    def __init__(
        self,
        recipe: HostRecipe,
        train_samples: Samples,
        test_samples: Samples,
        accelerator: Accelerator,
    ) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        self.train_samples, self.test_samples = train_samples, test_samples
        self.device = accelerator.device
        self.total_steps = recipe.epochs * steps_per_epoch(len(train_samples), recipe)

    def augmented(self, samples: Samples) -> Augmented:
        """Makes the samples of a set."""
        raise NotImplementedError

    def losses(self, network: nn.Module, samples: tuple[Any, ...]) -> Mapping[str, Any]:
        """The losses of a batch: means over what is counted, and the `count`."""
        raise NotImplementedError

    def score(self, network: nn.Module, loader: Iterable[Any]) -> Evaluation:
        """Evaluate a network in evaluation mode, together with the other processes.

        Args:
            network: on the run's device.
            loader: (numbers, images, targets) of this process's share of the test images, each
                once, in a batch of one or of equal sizes.
        """
        raise NotImplementedError

    @property
    def eval_batch_size(self) -> int:
        """Images that are evaluated at a time on each process."""
        return max(1, self.recipe.batch_size // self.accelerator.num_processes)

    def build_step(self, network: nn.Module, *, compile: bool) -> NetworkStep:
        """See `Task.build_step`."""
        return NetworkStep(
            network,
            self.recipe,
            self.accelerator,
            losses=tuple(self.columns.losses.values()),
            divisor="count",
            compile=compile,
        )

    def loader(self, *, start: int, rank: int, world: int) -> DataLoader:
        """See `Task.loader`."""
        size, recipe = len(self.train_samples), self.recipe
        return DataLoader(
            TrainSet(size, recipe.seed, self.augmented(self.train_samples)),
            batch_sampler=StepSampler(size, recipe, start=start, rank=rank, world=world),
            collate_fn=_as_it_is,
            **worker_options(recipe.workers),
        )

    def samples(self, batch: HostBatch) -> tuple[Tensor, Any]:
        """Images and targets on the run's device."""
        images = batch.images.to(self.device, memory_format=torch.channels_last)
        return images, to_device(batch.targets, self.device)

    def take(
        self,
        step: NetworkStep,
        samples: tuple[Any, ...],
        number: int,
        *,
        lr: float,
        frozen: bool,
        check: Check | None,
    ) -> Mapping[str, Any]:
        """See `Task.take`."""
        return step.take(lambda: self.losses(step.model, samples), lr, frozen=frozen, check=check)

    def learning_rate(self, number: int) -> float:
        """Warm-up, and then the recipe's schedule."""
        recipe, done = self.recipe, number / self.total_steps
        if recipe.schedule == "cosine":
            factor = 0.5 * (1 + math.cos(math.pi * done))
        elif recipe.schedule == "poly":
            factor = (1 - done) ** 0.9
        else:
            factor = 0.1 ** sum(number >= round(drop * self.total_steps) for drop in recipe.drops)
        warmup = min(1.0, (number + 1) / recipe.warmup_steps) if recipe.warmup_steps else 1.0
        return recipe.peak_lr * factor * warmup

    def describe(self, step: NetworkStep, number: int) -> dict[str, Any]:
        """Nothing beside batch and settings."""
        return {}

    @torch.no_grad()
    def evaluate(self, network: nn.Module) -> Evaluation:
        """See `Task.evaluate`; the network's mode is restored afterwards."""
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        if world > 1:
            for buffer in network.buffers():
                torch.distributed.broadcast(buffer, 0)
        loader = DataLoader(
            EvaluatedSet(len(self.test_samples), self.augmented(self.test_samples)),
            batch_size=self.eval_batch_size,
            sampler=range(rank, len(self.test_samples), world),
            collate_fn=_as_a_batch,
            **worker_options(self.recipe.workers),
        )
        training = network.training
        network.eval()
        try:
            with isolated_generators(rank):
                evaluation = self.score(network, loader)
        finally:
            network.train(training)
        results = {**evaluation.results, "test_data": self.test_samples.fingerprint()}
        return Evaluation(results, evaluation.found)

    def keep(self, evaluation: Evaluation, folder: RunFolder) -> np.ndarray | None:
        """Nothing beside results.json."""
        return None

    def read_results(self, path: Path) -> dict[str, Any]:
        """The results in a run's results.json."""
        return read_host_results(path, self.columns.panels)


def padded(images: Sequence[Tensor]) -> Tensor:
    """(B, 3, H, W) of images (3, h, w), with zeros on the right and below."""
    height, width = (max(image.shape[side] for image in images) for side in (1, 2))
    batch = images[0].new_zeros(len(images), 3, height, width)
    for row, image in zip(batch, images, strict=True):
        row[:, : image.shape[1], : image.shape[2]] = image
    return batch


def joined(targets: Sequence[Any]) -> Any:
    """Tensors as one, or a list of mappings."""
    return torch.stack(list(targets)) if isinstance(targets[0], Tensor) else list(targets)


def to_device(targets: Any, device: torch.device) -> Any:
    """Targets, see `HostBatch`, on a device."""
    if isinstance(targets, Tensor):
        return targets.to(device)
    return [{name: value.to(device) for name, value in target.items()} for target in targets]


def normalised(pixels: Tensor) -> Tensor:
    """(3, H, W) uint8 RGB -> float, with ImageNet's mean and deviation."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (pixels.float() / 255 - mean) / std


def _as_it_is(batch: Any) -> Any:
    return batch


def _as_a_batch(samples: Sequence[tuple[int, Tensor, Any]]) -> tuple[list[int], Tensor, Any]:
    numbers, images, targets = zip(*samples, strict=True)
    return list(numbers), padded(images), joined(targets)
