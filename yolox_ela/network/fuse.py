"""BatchNorm folded into the convolution before it: the same network in evaluation mode, faster."""

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def fuse_batchnorm(model: Network) -> Network:
    """A copy in evaluation mode whose convolutions do the work of the BatchNorms after them.

    Folded are the pairs of a convolution and the BatchNorm that their module registers next to
    each other, which is how upstream's blocks and `nn.Sequential` apply them. The copy's outputs
    differ by rounding only; it can no longer be trained, nor take the original's weights.
    """
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return model
