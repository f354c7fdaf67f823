"""Forms of a trained network that compute the same results in less time."""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from yolox_ela.attention import ELA
from yolox_ela.attention.fast import FastELA
from yolox_ela.network.copying import copy_network
from yolox_ela.network.model import Yolox

Network = TypeVar("Network", bound=nn.Module)


def fuse_batchnorm(model: Network) -> Network:
    """A copy of a network in evaluation mode, with BatchNorms folded into their convolutions.

    Every pair of a convolution and a BatchNorm that a module registers one after the other is
    folded; upstream's blocks and `nn.Sequential` apply them in this order. The outputs of the copy
    differ by rounding only. It cannot be trained, and cannot load the original's weights.
    """
    model = copy_network(model).eval()
    for module in model.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                continue
            if norm.track_running_stats:  # otherwise it normalises each batch by itself
                setattr(module, conv_name, _folded(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return model


def fuse(model: Yolox) -> Yolox:
    """`fuse_batchnorm`, and every ELA in its form for prediction; for PyTorch without compiling.

    `FastELA` overwrites its map. In this network nothing else reads the maps that attention is
    given: they are stages of the backbone and concatenations.
    """
    return _with_ela(fuse_batchnorm(model), FastELA)


def exportable(model: Yolox, form: Callable[[ELA], nn.Module]) -> Yolox:
    """`fuse_batchnorm`, and every ELA in a form for export.

    Args:
        model: the trained network, which is copied.
        form: makes the form from an ELA: `ExportedELA` or `FixedSizeELA` with its options.
    """
    return _with_ela(fuse_batchnorm(model), form)


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution for both. It is a new one, since other modules may use `conv`, too."""
    folded = copy_network(conv)
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    folded.weight, folded.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    return folded


def _with_ela(model: Yolox, form: Callable[[ELA], nn.Module]) -> Yolox:
    attention = model.backbone.attention
    for key, module in attention.items():
        if isinstance(module, ELA):
            attention[key] = form(module)
    return model
