"""Multi-scale training: another input size every few steps, resized on the device."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.recipe import Recipe

RESIZE_INTERVAL = 10  # steps for which a size is kept, as in YOLOX


def input_size(step: int, recipe: Recipe) -> InputSize:
    """Size of the network's input at a step, the same on every process."""
    generator = np.random.default_rng([recipe.seed, step // RESIZE_INTERVAL, 1])
    size = InputSize.of(recipe.image_size)
    least, most = size.changes(recipe.multiscale)
    return size.changed(int(generator.integers(least, most, endpoint=True)))


def network_input(images: Tensor, targets: Tensor, size: ImageSize) -> tuple[Tensor, Tensor]:
    """A batch of samples as the network takes them.

    Args:
        images: (B, 3, H, W) uint8, on the training device.
        targets: (B, M, 5) class, centre x, centre y, width, height in pixels, on the same device.
        size: size of the network's input; see `input_size`.

    Returns:
        (B, 3, height, width) float32 images of this size with values 0-255, and targets in pixels
        of these images.
    """
    pixels, wanted, given = images.float(), InputSize.of(size), InputSize(*images.shape[2:])
    if wanted == given:
        return pixels, targets
    across, down = wanted.width / given.width, wanted.height / given.height
    resized = F.interpolate(pixels, wanted, mode="bilinear", align_corners=False)
    label, x, y, width, height = targets.unbind(-1)
    scaled = [label, x * across, y * down, width * across, height * down]
    return resized, torch.stack(scaled, dim=-1)
