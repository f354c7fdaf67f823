"""Multi-scale training: another input size every few steps, resized on the device."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from yolox_ela.recipe import Recipe

RESIZE_INTERVAL = 10  # steps for which a size is kept, as in YOLOX


def input_size(step: int, recipe: Recipe) -> int:
    """Side of the square input at a step, the same on every process."""
    generator = np.random.default_rng([recipe.seed, step // RESIZE_INTERVAL, 1])
    most = int(recipe.multiscale * recipe.image_size) // 32
    # The side is at least 32 pixels, whatever `multiscale` is.
    least = -min(most, recipe.image_size // 32 - 1)
    return recipe.image_size + 32 * int(generator.integers(least, most, endpoint=True))


def network_input(images: Tensor, targets: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """A batch of samples as the network takes them.

    Args:
        images: (B, 3, S, S) uint8, on the training device.
        targets: (B, M, 5) class, centre x, centre y, width, height in pixels, on the same device.
        side: side of the network's input in pixels; see `input_size`.

    Returns:
        (B, 3, side, side) float32 images with values 0-255, and targets in pixels of these images.
    """
    pixels = images.float()
    if side == images.shape[-1]:
        return pixels, targets
    scale = side / images.shape[-1]
    resized = F.interpolate(pixels, (side, side), mode="bilinear", align_corners=False)
    return resized, torch.cat([targets[..., :1], targets[..., 1:] * scale], dim=-1)
