"""Training batches, rendered by loader processes or, from their plans, on the training device.

Both ways give the same samples; see `SampleKey`. Pixels may differ by one grey level.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import torch
import torch._inductor.config as inductor_config
from loguru import logger
from torch import Tensor

from yolox_ela.augment.bank import ImageBank, Images, bank_bytes
from yolox_ela.augment.device.boxes import DeviceObjects, batch_targets
from yolox_ela.augment.device.colour import shift_batch
from yolox_ela.augment.device.pixels import DeviceBank, render_batch
from yolox_ela.augment.loader import PlannedBatch, SampleKey, TrainBatch, plan_loader, train_loader
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.recipe import Recipe
from yolox_ela.system.files import size_text

GPU_SHARE = 0.25  # share of the free GPU memory that the images may take with `auto`


class Batch(Protocol):
    """What a feed's loader yields."""

    @property
    def keys(self) -> list[SampleKey]:
        """The samples of the batch."""
        ...


class Feed(Protocol):
    """Training samples of a split."""

    def loader(self, *, start: int, rank: int, world: int) -> Iterable[Batch]:
        """Batches of this process, for the steps from `start` to the end of training."""
        ...

    def samples(self, batch: Any) -> tuple[Tensor, Tensor]:
        """A batch of the loader on the device: (B, 3, H, W) uint8 BGR, and (B, M, 5) targets.

        Targets are class, centre x, centre y, width, height in pixels, then rows of zeros.
        """
        ...


@dataclass
class HostFeed:
    """Samples that loader processes render; on CUDA, the GPU shifts the colours.

    Attributes:
        split: the images and objects.
        recipe: the run's settings.
        device: the training device.
        images: the split's images; by default they are read from their files.
        colors_later: whether the device shifts the colours; by default it does if it is CUDA.
    """

    split: VocSplit
    recipe: Recipe
    device: torch.device
    images: Images | None = None
    colors_later: bool | None = None

    def __post_init__(self) -> None:
        self._shift_colors = shift_batch
        on_cuda = can_compile(self.device)
        if self.colors_later is None:
            self.colors_later = on_cuda
        if on_cuda:  # compiled into one kernel
            self._shift_colors = torch.compile(shift_batch)

    def loader(self, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterable[TrainBatch]:
        """See `Feed.loader`."""
        return train_loader(
            self.split,
            self.recipe,
            self.images,
            start=start,
            rank=rank,
            world=world,
            colors_later=bool(self.colors_later),
        )

    def samples(self, batch: TrainBatch) -> tuple[Tensor, Tensor]:
        """See `Feed.samples`."""
        # Only CUDA keeps pinned memory alive until an asynchronous copy has ended.
        ahead = self.device.type == "cuda"
        images = batch.images.to(self.device, non_blocking=ahead)
        if batch.colors is not None:
            shifts = batch.colors.shifts.to(self.device, non_blocking=ahead)
            windows = batch.colors.windows.to(self.device, non_blocking=ahead)
            images = self._shift_colors(images, shifts, windows)
        return images, batch.targets.to(self.device, non_blocking=ahead)


class DeviceFeed:
    """Samples that loader processes plan and the device renders from the images in its memory.

    Args:
        split: the images and objects.
        recipe: the run's settings.
        device: the training device; on CUDA the rendering is compiled at the first batch.
        bank: the decoded images of the split, which are copied to the device.
    """

    def __init__(
        self, split: VocSplit, recipe: Recipe, device: torch.device, bank: ImageBank
    ) -> None:
        self.split, self.recipe, self.device = split, recipe, device
        self.bank = DeviceBank(
            bank.pixels.to(device),
            torch.from_numpy(bank.starts).to(device),
            torch.from_numpy(bank.sizes).to(device),
        )
        self.objects = DeviceObjects(
            torch.from_numpy(split.boxes).to(device),
            torch.from_numpy(split.labels).to(device),
            torch.from_numpy(split.offsets).to(device),
        )
        self._render, self._targets = render_batch, batch_targets
        if can_compile(device):
            # With this option, which not every torch has, three kernels are fused into one.
            options: dict[str, Any] = {"max_complex_pointwise_cat_inputs": 0}
            known = all(hasattr(inductor_config, name) for name in options)
            self._render = torch.compile(render_batch, options=options if known else None)
            self._targets = torch.compile(batch_targets)

    def loader(self, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterable[PlannedBatch]:
        """See `Feed.loader`."""
        return plan_loader(self.split, self.recipe, start=start, rank=rank, world=world)

    def samples(self, batch: PlannedBatch) -> tuple[Tensor, Tensor]:
        """See `Feed.samples`."""
        plans = batch.plans.to(self.device, non_blocking=self.device.type == "cuda")
        return self._render(plans, self.bank), self._targets(plans, self.objects, batch.rows)


def can_compile(device: torch.device) -> bool:
    """Whether torch.compile can compile the rendering for a device; uncompiled it is slow.

    That needs CUDA with compute capability 7.0 or higher, Triton and a C compiler.
    """
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    compilers = (os.environ.get("CC"), "gcc", "clang")
    has_compiler = any(shutil.which(name) for name in compilers if name)
    if not has_compiler:
        logger.info(
            "no C compiler (gcc or clang) for torch.compile: samples are rendered on the CPU"
        )
    return has_compiler and torch.cuda.get_device_capability(device) >= (7, 0)


def renders_on_device(augment: str, split: VocSplit, recipe: Recipe, device: torch.device) -> bool:
    """Whether the training device renders the samples.

    Args:
        augment: `cpu`, `device`, or `auto`: on CUDA if the images fit into a quarter of its free
            memory; training needs the rest.
        split: the images and their sizes.
        recipe: the run's settings; the images are resized to fit into its `image_size`.
        device: the training device.

    Raises:
        UserError: `device` was asked for and the device does not support it.
    """
    if device.type == "mps" and augment == "device":
        raise UserError("--augment device needs float64, which MPS lacks: use --augment cpu")
    if augment != "auto":
        return augment == "device"
    if not can_compile(device):  # uncompiled rendering would be slow
        return False
    need, (free, _) = bank_bytes(split, recipe.image_size), torch.cuda.mem_get_info(device)
    fits = need <= GPU_SHARE * free
    logger.info(
        "samples are rendered on the {}: its {} of images {} into {} free",
        "GPU" if fits else "CPU",
        size_text(need),
        "fit" if fits else "do not fit",
        size_text(free),
    )
    return fits
