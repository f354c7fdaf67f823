"""SE against its equations (arXiv 1709.01507, Eq. 2-4), one number at a time."""

import math

import numpy as np
import torch

from yolox_ela.attention import SE


def se_by_loops(x, w1, w2):
    out = np.empty_like(x)
    for n, image in enumerate(x):
        z = [plane.sum() / plane.size for plane in image]
        hidden = [max(0.0, sum(w * v for w, v in zip(row, z, strict=True))) for row in w1]
        for c, row in enumerate(w2):
            logit = sum(w * v for w, v in zip(row, hidden, strict=True))
            out[n, c] = image[c] / (1 + math.exp(-logit))
    return out


def test_equals_the_equations():
    torch.manual_seed(0)
    module, x = SE(32, reduction=8).double(), torch.randn(2, 32, 5, 3).double()
    w1, w2 = (p.detach().numpy() for p in module.parameters())
    assert w1.shape == (4, 32)
    assert w2.shape == (32, 4)
    np.testing.assert_allclose(module(x).detach().numpy(), se_by_loops(x.numpy(), w1, w2))


def test_one_gate_for_a_whole_channel():
    """SE cannot tell positions apart: moving the pixels moves the output with them."""
    module, x = SE(64), torch.randn(2, 64, 4, 6)
    torch.testing.assert_close(module(x.roll((1, 2), (2, 3))), module(x).roll((1, 2), (2, 3)))
