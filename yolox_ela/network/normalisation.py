"""Networks that expect normalised RGB, turned into ones that take BGR in 0-255, as all here do.

YOLOX's legacy release and the paper's authors divide RGB by 255 and normalise it by ImageNet's mean
and deviation. Both steps are linear, so they can be a part of the first convolution.
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

# Variance of the stem's output over its weights' squared norm, the median channel. It is the
# variance of the pixels times what neighbouring pixels have in common: 0.06 for images in 0-1, 1.5
# and 1.9 for normalised ones (two networks), 3,400 and 3,900 for those in 0-255 (two more). The
# bounds lie halfway between, by ratio.
LEAST_NORMALISED, MOST_NORMALISED = 0.3, 75.0


def to_bgr_bytes(state: dict[str, Tensor], source: Path) -> dict[str, Tensor]:
    """The weights for BGR in 0-255, folded if their stem was trained on normalised RGB.

    Rescaling a convolution together with its BatchNorm does not change what is recognised. A stem
    whose statistics have never been updated says nothing and is left alone.

    Args:
        state: a network from elsewhere.
        source: the file, for messages.

    Raises:
        UserError: it was trained on pixels of another range than these two.
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
    """Median over the stem's channels; None without a stem, or if it was never trained."""
    if any(name not in state for name in FOLDED) or state[WEIGHT].shape[1:2] != (12,):
        return None
    mean, variance = state[MEAN].double(), state[VARIANCE].double()
    if not mean.any() and (variance == 1).all():
        return None
    power = state[WEIGHT].double().square().flatten(1).sum(dim=1)
    alive = power > 0
    return float((variance[alive] / power[alive]).median()) if alive.any() else None


def fold_normalisation(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The stem's tensors for BGR 0-255 from those for normalised RGB.

    The function is the same but at the image's border, where the original pads with ImageNet's
    mean and this one with black. The convolution keeps its norm: left 58 times smaller, its
    gradient would be as much larger, and a first training step would destroy the network.

    Args:
        state: has the four `FOLDED`; the weight is (O, 12, k, k), as Focus stacks the 3 colours of
            4 neighbouring pixels.

    Returns:
        The four, computed in float64 and rounded once to the type that they had.
    """
    weight, gamma, mean, variance = (state[name].double() for name in FOLDED)
    # The constants as float32 has them: so was the file made that recorded runs started from.
    colour_mean, colour_std = (torch.tensor(c).double() for c in (IMAGENET_MEAN, IMAGENET_STD))
    by_colour = weight.unflatten(1, (4, 3))
    shift = (by_colour * (colour_mean / colour_std)[:, None, None]).sum(dim=(1, 2, 3, 4))
    raw = (by_colour / (255 * colour_std)[:, None, None]).flip(2).flatten(1, 2)
    scale = weight.norm() / raw.norm()
    # The convolution lacks the shift, so the mean that is taken off it lacks it too.
    folded = {WEIGHT: raw * scale, MEAN: (mean + shift) * scale, VARIANCE: variance * scale**2}
    grown = (folded[VARIANCE] + BATCHNORM_EPS) / (variance + BATCHNORM_EPS)
    folded[GAMMA] = gamma * grown.sqrt() / scale
    return {name: tensor.to(state[name].dtype) for name, tensor in folded.items()}
