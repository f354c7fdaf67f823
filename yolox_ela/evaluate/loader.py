"""Batches of images for evaluation, letterboxed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from yolox_ela.augment.workers import worker_options
from yolox_ela.datasets.split import VocSplit
from yolox_ela.images.letterbox import pad, resize_to_fit
from yolox_ela.input_size import ImageSize, InputSize


@dataclass
class EvalBatch:
    """A batch for evaluation.

    Attributes:
        indices: position of each image in the split.
        images: (B, 3, H, W) uint8 BGR, letterboxed; of the input's size unless rectangular.
        scales: (B,) scale of each image; boxes divided by it are in pixels of the original.
    """

    indices: list[int]
    images: Tensor
    scales: Tensor

    def pin_memory(self) -> "EvalBatch":
        """Called by DataLoader for CUDA."""
        return EvalBatch(self.indices, self.images.pin_memory(), self.scales.pin_memory())


class EvalDataset(Dataset):
    """The images of a split, each resized so that it just fits into the network's input."""

    def __init__(self, split: VocSplit, image_size: ImageSize) -> None:
        self.split = split
        self.image_size = image_size

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[int, np.ndarray, float]:
        """The position of an image, its pixels (H, W, 3) uint8 BGR, and its scale."""
        image, scale = resize_to_fit(self.split.read(index), self.image_size)
        return index, image, scale


def eval_loader(
    split: VocSplit,
    image_size: ImageSize,
    batch_size: int,
    workers: int,
    *,
    rectangular: bool = False,
    rank: int = 0,
    world: int = 1,
) -> DataLoader:
    """A loader of `EvalBatch`es over every `world`-th image of the split, from image `rank` on.

    Images are padded to `image_size` and come in order. If `rectangular`, they are sorted by shape,
    and padded to the smallest multiples of 32 that fit all images of the batch.
    """
    order = np.arange(rank, len(split), world)
    if rectangular:
        width, height = split.sizes[order].T
        order = order[np.argsort(height / width, kind="stable")]
    return DataLoader(
        EvalDataset(split, image_size),
        batch_size=batch_size,
        sampler=order.tolist(),
        collate_fn=partial(_collate_eval, size=None if rectangular else InputSize.of(image_size)),
        pin_memory=torch.cuda.is_available(),
        **worker_options(workers),
    )


def _stack(images: Sequence[np.ndarray]) -> Tensor:
    """Stack (H, W, 3) images to (B, 3, H, W) in channels_last memory, with a single copy."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def _collate_eval(
    samples: list[tuple[int, np.ndarray, float]], *, size: InputSize | None
) -> EvalBatch:
    """Pad images to a size, or to the smallest multiples of 32 that fit all images."""
    indices, images, scales = zip(*samples, strict=True)
    height, width = size or (
        -(-max(image.shape[axis] for image in images) // 32) * 32 for axis in (0, 1)
    )
    stacked = _stack([pad(image, height, width) for image in images])
    return EvalBatch(list(indices), stacked, torch.tensor(scales, dtype=torch.float32))
