"""ECA against its equations (arXiv 1910.03151), one number at a time."""

import math

import numpy as np
import pytest
import torch

from yolox_ela.attention import ECA


def eca_by_loops(x, kernel):
    reach = len(kernel) // 2
    out = np.empty_like(x)
    for n, image in enumerate(x):
        mean = [plane.mean() for plane in image]
        for c, plane in enumerate(image):
            near = range(max(0, c - reach), min(len(image), c + reach + 1))
            logit = sum(kernel[d - c + reach] * mean[d] for d in near)
            out[n, c] = plane / (1 + math.exp(-logit))
    return out


@pytest.mark.parametrize("kernel_size", [None, 1, 7])
def test_equals_the_equations(kernel_size):
    torch.manual_seed(0)
    module, x = ECA(24, kernel_size=kernel_size).double(), torch.randn(2, 24, 5, 3).double()
    (kernel,) = (p.detach().numpy() for p in module.parameters())
    expected = eca_by_loops(x.numpy(), kernel.reshape(-1))
    np.testing.assert_allclose(module(x).detach().numpy(), expected)


@pytest.mark.parametrize(
    ("channels", "k"),
    [
        (2, 1),
        (8, 3),  # log2 gives 2, halfway between 1 and 3: up
        (64, 3),  # 3.5; the three widths of YOLOX-Nano
        (128, 5),  # 4, halfway between 3 and 5
        (256, 5),  # 4.5
        (1024, 5),  # 5.5; ResNet-50's widths in the paper
        (2048, 7),  # 6
    ],
)
def test_kernel_follows_the_channels(channels, k):
    """k is the odd number nearest to (log2 C + 1) / 2, the larger of two equally near."""
    (kernel,) = ECA(channels).parameters()
    nearest = min(range(1, 99, 2), key=lambda odd: (abs(odd - (math.log2(channels) + 1) / 2), -odd))
    assert kernel.shape == (1, 1, k)
    assert nearest == k


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match=r"odd.*4"):
        ECA(64, kernel_size=4)


def test_kernel_longer_than_the_channels_is_refused():
    assert ECA(64, kernel_size=127)(torch.ones(1, 64, 2, 2)).shape == (1, 64, 2, 2)
    with pytest.raises(ValueError, match="from 1 to 127, got 129"):
        ECA(64, kernel_size=129)
