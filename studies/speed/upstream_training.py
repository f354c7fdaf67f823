"""Upstream's training (package `yolox`), called as installed: its data, its step."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate
from yolox.config import YoloxConfig
from yolox.config import YoloxNano as UpstreamNano
from yolox.core import Trainer
from yolox.data import (
    DataLoader,
    DataPrefetcher,
    InfiniteSampler,
    MosaicDetection,
    TrainTransform,
    VocDetection,
    YoloBatchSampler,
    worker_init_reset_seed,
)
from yolox.utils import MeterBuffer, ModelEMA

from studies.speed.quiet import quiet
from yolox_ela.datasets.names import parse_set
from yolox_ela.input_size import InputSize
from yolox_ela.recipe import Recipe

MAX_LABELS = 120  # rows of targets that upstream keeps of a mosaic
LOADER_PATCH = (
    "upstream's endless sampler yields tensors, which its VOC data set hands on beside plain "
    "numbers when some samples are no mosaics, so that a batch cannot be made; here it yields "
    "plain numbers"
)
CPU_PATCH = (
    "without CUDA, upstream's DataPrefetcher and its choice of device are left out: its "
    "Trainer.train_one_iter, as installed, is called on an object with the trainer's parts"
)

Sample = tuple[Any, Any, Any, Any]


def upstream_config(recipe: Recipe) -> YoloxConfig:
    """Upstream's YOLOX-Nano with the settings of a recipe."""
    config = UpstreamNano()
    config.num_classes = len(recipe.classes)
    config.input_size = config.test_size = tuple(InputSize.of(recipe.image_size))
    config.mosaic_prob, config.mosaic_scale = recipe.mosaic_prob, recipe.mosaic_scale
    config.degrees, config.translate, config.shear = recipe.degrees, recipe.translate, recipe.shear
    config.hsv_prob, config.flip_prob = recipe.hsv_prob, recipe.flip_prob
    config.basic_lr_per_img = recipe.lr / 16
    config.max_epoch, config.seed = recipe.epochs, recipe.seed
    return config


def upstream_dataset(root: Path, recipe: Recipe, *, cache: bool = False) -> MosaicDetection:
    """Upstream's mosaic over its VOC data set.

    Args:
        root: the VOCdevkit that holds VOC<year>.
        recipe: gives the sets, input size and augmentation.
        cache: decode all images into memory, by upstream's own means.
    """
    config = upstream_config(recipe)
    sets = [parse_set(entry) for entry in recipe.train_sets]
    with quiet():
        images = VocDetection(
            str(root), sets, config.input_size, cache=cache, cache_type="ram", dataset_name="VOC"
        )
    transform = TrainTransform(
        max_labels=MAX_LABELS, flip_prob=config.flip_prob, hsv_prob=config.hsv_prob
    )
    return MosaicDetection(
        images,
        config.input_size,
        preproc=transform,
        degrees=config.degrees,
        translate=config.translate,
        mosaic_scale=config.mosaic_scale,
        shear=config.shear,
        enable_mixup=False,
        mosaic_prob=config.mosaic_prob,
    )


def upstream_batch(dataset: MosaicDetection, indices: Sequence[int]) -> list[Any]:
    """A batch in the form of upstream's loader: float images, targets, and two further columns."""
    samples: list[Sample] = [dataset[(True, index)] for index in indices]
    return default_collate(samples)


class _PlainSampler(InfiniteSampler):
    def __iter__(self) -> Iterator[int]:
        return map(int, super().__iter__())


def upstream_loader(dataset: MosaicDetection, batch_size: int, workers: int) -> DataLoader:
    """Upstream's endless loader."""
    sampler = YoloBatchSampler(
        sampler=_PlainSampler(len(dataset), seed=0),
        batch_size=batch_size,
        drop_last=False,
        mosaic=True,
    )
    return DataLoader(
        dataset,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        batch_sampler=sampler,
        worker_init_fn=worker_init_reset_seed,
    )


class HostPrefetcher:
    """Replaces upstream's DataPrefetcher, which needs CUDA."""

    def __init__(self, batches: Iterator[Sequence[Tensor]], device: torch.device) -> None:
        self.batches, self.device = batches, device

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch's images and targets on the device."""
        images, targets, *_ = next(self.batches)
        return images.to(self.device), targets.to(self.device)


class UpstreamStep:
    """A trainer's parts, as far as `Trainer.train_one_iter` uses them.

    Args:
        recipe: its settings.
        batch_size: images a step.
        device: where to train.
        steps: steps of an epoch for the schedule; with more steps, learning rates stay low longer.
    """

    def __init__(
        self, recipe: Recipe, batch_size: int, device: torch.device, steps: int = 10**6
    ) -> None:
        config = upstream_config(recipe)
        torch.manual_seed(recipe.seed)
        with quiet():
            model = config.get_model().to(device).train()
            optimizer = config.get_optimizer(batch_size)
        schedule = config.get_lr_scheduler(config.basic_lr_per_img * batch_size, steps)
        half = recipe.precision == "fp16"
        with warnings.catch_warnings():  # it uses names that torch has since moved
            warnings.simplefilter("ignore")
            scaler = torch.cuda.amp.GradScaler(enabled=half)
        self.trainer: Any = SimpleNamespace(
            exp=config,
            model=model,
            optimizer=optimizer,
            scaler=scaler,
            amp_training=half,
            data_type=torch.float16 if half else torch.float32,
            input_size=config.input_size,
            use_model_ema=True,
            ema_model=ModelEMA(model, recipe.ema_decay),
            lr_scheduler=schedule,
            meter=MeterBuffer(window_size=10),
            progress_in_iter=0,
            prefetcher=None,
        )
        self.device = device

    def feed(self, batches: Iterator[Sequence[Tensor]]) -> None:
        """Take batches from here on."""
        on_cuda = self.device.type == "cuda"
        self.trainer.prefetcher = (
            DataPrefetcher(batches) if on_cuda else HostPrefetcher(batches, self.device)
        )

    def __call__(self) -> None:
        """One iteration with the next batch."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Trainer.train_one_iter(self.trainer)
        self.trainer.progress_in_iter += 1
