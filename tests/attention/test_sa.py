"""SA against its equations (arXiv 2102.00045, Eq. 1-3 and the shuffle), one plane at a time."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from yolox_ela.attention import SA


def shuffled(position, channels):
    """Where a 2-group shuffle puts a channel: the two halves of the map take turns."""
    half, place = divmod(position, channels // 2)
    return 2 * place + half


def sa_by_loops(x, groups, state):
    channels = x.shape[1]
    half = channels // (2 * groups)
    w1, b1, w2, b2 = (
        state[name].reshape(-1)
        for name in ("channel_weight", "channel_bias", "spatial_weight", "spatial_bias")
    )
    out = np.full_like(x, np.nan)
    for n, image in enumerate(x):
        for c, plane in enumerate(image):
            i = c % half  # place within its half group; even halves are the channel branch
            if (c // half) % 2 == 0:
                logit = w1[i] * plane.mean() + b1[i]
            else:
                normed = (plane - plane.mean()) / np.sqrt(plane.var() + 1e-5)
                logit = w2[i] * (state["norm.weight"][i] * normed + state["norm.bias"][i]) + b2[i]
            out[n, shuffled(c, channels)] = plane / (1 + np.exp(-logit))
    return out


@pytest.mark.parametrize(("channels", "groups"), [(64, 8), (64, 32), (24, 3), (16, 1)])
def test_equals_the_equations(channels, groups):
    torch.manual_seed(0)
    module, x = SA(channels, groups=groups).double(), torch.randn(2, channels, 5, 3).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    expected = sa_by_loops(x.numpy(), groups, state)
    np.testing.assert_allclose(module(x).detach().numpy(), expected)


def test_starts_as_a_shuffle_scaled_by_sigmoid_one():
    x = torch.randn(2, 64, 5, 3)
    order = sorted(range(64), key=lambda c: shuffled(c, 64))  # 0, 32, 1, 33, ...
    expected = x[:, order] / (1 + math.exp(-1))
    torch.testing.assert_close(SA(64, groups=8)(x), expected)


def test_its_raw_weights_are_parameters():
    """An optimizer must find them: half of them are not in any layer."""
    assert {name for name, _ in SA(64).named_parameters()} == {
        "channel_weight",
        "channel_bias",
        "spatial_weight",
        "spatial_bias",
        "norm.weight",
        "norm.bias",
    }
