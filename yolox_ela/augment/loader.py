"""Training batches that do not depend on the number of loader processes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from yolox_ela.augment.bank import ImageFiles, Images
from yolox_ela.augment.device.boxes import most_objects
from yolox_ela.augment.device.plans import PlanBatch
from yolox_ela.augment.plan import SamplePlan, plan_boxes, plan_sample, sample_generator
from yolox_ela.augment.render import Renderer
from yolox_ela.augment.workers import worker_options
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.input_size import InputSize
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import RunSettings


class SampleKey(NamedTuple):
    """Identifies a sample: together with the recipe it determines the sample completely.

    Attributes:
        epoch: number of the epoch, counted from 0.
        image: position of the image in the split.
        mosaic: whether the epoch uses mosaic and affine maps.
    """

    epoch: int
    image: int
    mosaic: bool


@dataclass
class ColorShifts:
    """The colour shifts that the device still has to apply to a batch; see `colour.shift_batch`.

    Attributes:
        shifts: (B, 3) int32 shifts of hue, saturation and value.
        windows: (B, 2) int32 width and height of the part of each sample that is shifted.
    """

    shifts: Tensor
    windows: Tensor


@dataclass
class TrainBatch:
    """A batch of one process.

    Attributes:
        keys: the samples of the batch.
        images: (B, 3, H, W) uint8 BGR.
        targets: (B, M, 5) float32 class, centre x, centre y, width, height in pixels; rows of
            zeros pad them to the batch's largest number of objects.
        colors: the colour shifts that the device has to apply; None if they are done.
    """

    keys: list[SampleKey]
    images: Tensor
    targets: Tensor
    colors: ColorShifts | None = None

    def pin_memory(self) -> "TrainBatch":
        """Called by DataLoader for CUDA."""
        colors = self.colors
        if colors is not None:
            colors = ColorShifts(colors.shifts.pin_memory(), colors.windows.pin_memory())
        return TrainBatch(self.keys, self.images.pin_memory(), self.targets.pin_memory(), colors)


@dataclass
class PlannedBatch:
    """A batch of one process that has not been rendered.

    Attributes:
        keys: the samples of the batch.
        plans: the samples' plans.
        rows: the number of rows that the batch's targets need.
    """

    keys: list[SampleKey]
    plans: PlanBatch
    rows: int

    def pin_memory(self) -> "PlannedBatch":
        """Called by DataLoader for CUDA."""
        return PlannedBatch(self.keys, self.plans.pin_memory(), self.rows)


class PlanDataset(Dataset):
    """Plans of the samples of a split, for a device that renders them."""

    def __init__(self, split: VocSplit, recipe: Recipe) -> None:
        self.split = split
        self.recipe = recipe.plain()

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, keys: Sequence[SampleKey]) -> PlannedBatch:
        """The plans of a batch."""
        plans = [plan_of(key, self.split, self.recipe) for key in keys]
        rows = most_objects(plans, self.split.offsets)
        return PlannedBatch(list(keys), PlanBatch.pack(plans), rows)


def plan_of(key: SampleKey, split: VocSplit, recipe: Recipe) -> SamplePlan:
    """The plan of a sample, the same in every process."""
    generator = sample_generator(recipe.seed, key.epoch, key.image)
    return plan_sample(generator, key.image, split.sizes, recipe, key.mosaic)


class TrainDataset(Dataset):
    """Augmented samples of a split, looked up by `SampleKey`.

    Args:
        split: the images and objects.
        recipe: the run's settings.
        images: the split's images, resized to the recipe's input size; by default they are read
            from their files.
        colors_later: whether the device shifts the colours, which is a third of the work.
    """

    def __init__(
        self,
        split: VocSplit,
        recipe: Recipe,
        images: Images | None = None,
        *,
        colors_later: bool = False,
    ) -> None:
        self.split = split
        self.recipe = recipe.plain()
        self.images = images or ImageFiles(split, recipe.image_size)
        self.colors_later = colors_later
        self._renderer: Renderer | None = None  # created in the loader process

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, key: SampleKey) -> TrainBatch:
        """A batch of one."""
        return self.__getitems__([key])

    def __getitems__(self, keys: Sequence[SampleKey]) -> TrainBatch:
        """A batch; its samples are rendered in place, without a copy of each."""
        size = InputSize.of(self.recipe.image_size)
        self._renderer = self._renderer or Renderer(size)
        images = new_batch((len(keys), *size, 3))
        plans = [plan_of(key, self.split, self.recipe) for key in keys]
        colors = None
        if self.colors_later:
            colors = _color_shifts(plans)
            plans = [replace(plan, hsv=(0, 0, 0)) for plan in plans]
        targets = [
            self._render(self._renderer, plan, image)
            for plan, image in zip(plans, images.numpy(), strict=True)
        ]
        padded = torch.zeros(len(keys), max(1, max(len(rows) for rows in targets)), 5)
        for row, target in zip(padded, targets, strict=True):
            row[: len(target)] = torch.from_numpy(target)
        # The layout in memory stays that of pixels with three channels: channels_last.
        return TrainBatch(list(keys), images.permute(0, 3, 1, 2), padded, colors)

    def _render(self, renderer: Renderer, plan: SamplePlan, out: np.ndarray) -> np.ndarray:
        """Render the pixels of a sample into `out` and return its (M, 5) targets."""
        split = self.split
        indices = [tile.index for tile in plan.tiles]
        renderer.render(plan, [self.images[i] for i in indices], out)
        boxes, labels = plan_boxes(
            plan,
            [split.boxes[split.objects(i)] for i in indices],
            [split.labels[split.objects(i)] for i in indices],
        )
        return to_targets(boxes, labels)


def _color_shifts(plans: Sequence[SamplePlan]) -> ColorShifts:
    """The shifts of a batch: for the whole of a mosaic, or else for the image without padding."""
    windows = [
        plan.tiles[0].size if plan.matrix is None else (plan.output.width, plan.output.height)
        for plan in plans
    ]
    return ColorShifts(
        torch.tensor([plan.hsv for plan in plans], dtype=torch.int32),
        torch.tensor(windows, dtype=torch.int32),
    )


def new_batch(shape: tuple[int, ...]) -> Tensor:
    """An uninitialised uint8 tensor; in a loader process it is in shared memory."""
    if get_worker_info() is None:
        return torch.empty(shape, dtype=torch.uint8)
    count = math.prod(shape)
    storage = torch.UntypedStorage._new_shared(count, device="cpu")
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)


def to_targets(boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, 4) corners and (N,) labels -> (N, 5) class, centre x, centre y, width, height."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    centers = boxes[:, :2] + sizes / 2
    return np.concatenate([labels[:, None], centers, sizes], axis=1).astype(np.float32)


class StepSampler(Sampler[list[SampleKey]]):
    """The keys of every step from `start` to the end of training, for one process.

    Each epoch is a new permutation of the images; its last batch is filled up with images from its
    beginning. Process r of n takes samples r, r + n, ... of a batch, so the batch over all
    processes does not depend on their number.
    """

    def __init__(
        self, num_images: int, recipe: RunSettings, *, start: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        self.num_images = num_images
        self.recipe = recipe
        self.start, self.rank, self.world = start, rank, world

    def __len__(self) -> int:
        return self.recipe.epochs * steps_per_epoch(self.num_images, self.recipe) - self.start

    def __iter__(self) -> Iterator[list[SampleKey]]:
        recipe = self.recipe
        steps = steps_per_epoch(self.num_images, recipe)
        for epoch in range(self.start // steps, recipe.epochs):
            order = np.random.default_rng([recipe.seed, epoch]).permutation(self.num_images)
            order = np.resize(order, steps * recipe.batch_size)
            mosaic = epoch < recipe.epochs - recipe.final_epochs
            for step in range(max(0, self.start - epoch * steps), steps):
                batch = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
                yield [SampleKey(epoch, int(i), mosaic) for i in batch[self.rank :: self.world]]


def steps_per_epoch(num_images: int, recipe: RunSettings) -> int:
    """Batches that cover every image once."""
    return -(-num_images // recipe.batch_size)


def require_batch_fits(batch_size: int, processes: int) -> None:
    """Raise UserError unless a batch can be split evenly over the processes."""
    if batch_size % processes:
        raise UserError(
            f"batch_size {batch_size} cannot be split over {processes} processes; "
            f"choose a multiple of {processes} with -b"
        )


def train_loader(
    split: VocSplit,
    recipe: Recipe,
    images: Images | None = None,
    *,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
    colors_later: bool = False,
) -> DataLoader:
    """`TrainBatch`es for the steps from `start` to the end of training; see `TrainDataset`."""
    dataset = TrainDataset(split, recipe, images, colors_later=colors_later)
    return _loader(dataset, recipe, start, rank, world)


def plan_loader(
    split: VocSplit, recipe: Recipe, *, start: int = 0, rank: int = 0, world: int = 1
) -> DataLoader:
    """`PlannedBatch`es for the steps from `start` to the end of training."""
    return _loader(PlanDataset(split, recipe), recipe, start, rank, world)


def _loader(
    dataset: TrainDataset | PlanDataset, recipe: Recipe, start: int, rank: int, world: int
) -> DataLoader:
    sampler = StepSampler(len(dataset), recipe, start=start, rank=rank, world=world)
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        collate_fn=_as_it_is,
        pin_memory=torch.cuda.is_available(),
        **worker_options(recipe.workers),
    )


def _as_it_is(batch: Any) -> Any:
    """Return the batch unchanged: `__getitems__` has collated it."""
    return batch
