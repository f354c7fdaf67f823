"""Weights as YOLOX's legacy release has them, made from folded ones."""

import torch

from yolox_ela.network.model import BATCHNORM_EPS
from yolox_ela.network.normalisation import (
    GAMMA,
    IMAGENET_MEAN,
    IMAGENET_STD,
    MEAN,
    VARIANCE,
    WEIGHT,
)

STD, SHIFT = (
    torch.tensor(IMAGENET_STD, dtype=torch.float32).double(),
    torch.tensor(IMAGENET_MEAN, dtype=torch.float32).double(),
)


def unfold(state, scale=None):
    """The stem for normalised RGB from one for BGR 0-255, by the definition of BatchNorm alone.

    The convolution is `scale` times what has the same outputs, and BatchNorm takes that back; by
    default its norm stays.
    """
    weight, gamma, mean, variance = (state[n].double() for n in (WEIGHT, GAMMA, MEAN, VARIANCE))
    colours = weight.reshape(16, 4, 3, 3, 3)[:, :, [2, 1, 0]]  # BGR to RGB
    colours = colours * 255 * STD.view(3, 1, 1)
    scale = scale or weight.norm() / colours.norm()
    lost = (colours * (SHIFT / STD).view(3, 1, 1)).sum((1, 2, 3, 4))
    smaller = variance * scale**2
    regained = ((smaller + BATCHNORM_EPS) / (variance + BATCHNORM_EPS)).sqrt() / scale
    changed = {
        WEIGHT: (colours * scale).reshape(weight.shape),
        MEAN: (mean - lost) * scale,
        VARIANCE: smaller,
        GAMMA: gamma * regained,
    }
    return state | {name: tensor.float() for name, tensor in changed.items()}
