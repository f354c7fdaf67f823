"""Folding input normalisation into a network's stem, so that it takes BGR in 0-255.

YOLOX's legacy release and the paper's authors divide RGB by 255 and normalise it by ImageNet's mean
and standard deviation. Both steps are linear, so that they can be folded into the first
convolution. All networks of this package take BGR in 0-255.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from loguru import logger
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.network.model import BATCHNORM_EPS

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB, for images in 0-1
IMAGENET_STD = (0.229, 0.224, 0.225)

STEM = "backbone.backbone.stem.conv"
WEIGHT, GAMMA = f"{STEM}.conv.weight", f"{STEM}.bn.weight"
MEAN, VARIANCE = f"{STEM}.bn.running_mean", f"{STEM}.bn.running_var"
FOLDED = (WEIGHT, GAMMA, MEAN, VARIANCE)
"""The tensors that folding changes."""

# The variance of the stem's output divided by the squared norm of its weights, for the median
# channel. It grows with the variance of the pixels and the correlation of neighbouring ones: 0.06
# for images in 0-1, 1.5 and 1.9 for normalised images (two networks), 3,400 and 3,900 for images in
# 0-255 (two more). The bounds are geometric means between these groups.
LEAST_NORMALISED, MOST_NORMALISED = 0.3, 75.0


def to_bgr_bytes(state: dict[str, Tensor], source: Path) -> dict[str, Tensor]:
    """Weights for BGR in 0-255; they are folded if their stem was trained on normalised RGB.

    The input range is recognised by the stem's statistics, also if a convolution and its BatchNorm
    were rescaled together. A stem whose statistics were never updated is not changed.

    Args:
        state: state dict of a network from elsewhere.
        source: path of the file, for messages.

    Raises:
        UserError: the network was trained on pixels of another range than these two.
    """
    ratio = _variance_ratio(state)
    if ratio is None or ratio > MOST_NORMALISED:
        return state
    if ratio < LEAST_NORMALISED:
        raise UserError(
            f"{source} was trained on pixels of another range than 0-255 or ImageNet's "
            f"normalisation (its stem's variance is {ratio:.2g} times its squared weights, not "
            "about 3,500 or 1.5): fold its preprocessing into its first convolution"
        )
    logger.info(
        "{} expects RGB normalised by ImageNet's mean and deviation: folded into its stem, which "
        "now takes BGR in 0-255",
        source,
    )
    return state | fold_normalisation(state)


def _variance_ratio(state: Mapping[str, Tensor]) -> float | None:
    """The median ratio over the stem's channels; None without a stem, or if it was not trained."""
    if any(name not in state for name in FOLDED) or state[WEIGHT].shape[1:2] != (12,):
        return None
    mean, variance = state[MEAN].double(), state[VARIANCE].double()
    if not mean.any() and (variance == 1).all():
        return None
    power = state[WEIGHT].double().square().flatten(1).sum(dim=1)
    alive = power > 0
    return float((variance[alive] / power[alive]).median()) if alive.any() else None


def fold_normalisation(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The stem's tensors for BGR in 0-255, from those for normalised RGB.

    The network's outputs are the same except at the image's border, which the original pads with
    ImageNet's mean and the folded network with black. The norm of the convolution is kept: without
    that, weights would be 58 times smaller, gradients larger by the same factor, and the first
    training step would destroy the network.

    Args:
        state: state dict with the four tensors `FOLDED`; the convolution's weight is (O, 12, k, k),
            because Focus stacks the 3 colours of 4 neighbouring pixels.

    Returns:
        The four tensors, computed in float64 and rounded once to their original type.
    """
    weight, gamma, mean, variance = (state[name].double() for name in FOLDED)
    # float32 constants, like those behind the file that recorded runs started from.
    colour_mean, colour_std = (torch.tensor(c).double() for c in (IMAGENET_MEAN, IMAGENET_STD))
    by_colour = weight.unflatten(1, (4, 3))
    shift = (by_colour * (colour_mean / colour_std)[:, None, None]).sum(dim=(1, 2, 3, 4))
    raw = (by_colour / (255 * colour_std)[:, None, None]).flip(2).flatten(1, 2)
    scale = weight.norm() / raw.norm()
    # The folded convolution lacks the shift, so its running mean must lack it, too.
    folded = {WEIGHT: raw * scale, MEAN: (mean + shift) * scale, VARIANCE: variance * scale**2}
    grown = (folded[VARIANCE] + BATCHNORM_EPS) / (variance + BATCHNORM_EPS)
    folded[GAMMA] = gamma * grown.sqrt() / scale
    return {name: tensor.to(state[name].dtype) for name, tensor in folded.items()}
