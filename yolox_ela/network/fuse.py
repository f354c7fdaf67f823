"""Folding each BatchNorm into the convolution before it, for faster evaluation."""

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def fuse_batchnorm(model: Network) -> Network:
    """A copy of a network in evaluation mode, with BatchNorms folded into their convolutions.

    Every pair of a convolution and a BatchNorm that a module registers one after the other is
    folded; upstream's blocks and `nn.Sequential` apply them in this order. The outputs of the copy
    differ by rounding only. It cannot be trained, and cannot load the original's weights.
    """
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return model
