"""CBAM against its equations (arXiv 1807.06521, Eq. 1-3), one number at a time."""

import numpy as np
import pytest
import torch

from yolox_ela.attention import CBAM


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def cbam_by_loops(x, w0, w1, kernel):
    side = kernel.shape[-1]
    out = np.empty_like(x)
    for n, image in enumerate(x):
        logits = np.zeros(len(image))
        for pooled in (image.mean((1, 2)), image.max((1, 2))):
            logits += w1 @ np.clip(w0 @ pooled, 0, None)
        refined = np.stack([sigmoid(v) * plane for v, plane in zip(logits, image, strict=True)])

        # [mean; max] over channels, with a border of zeros.
        height, width = image.shape[1:]
        planes = np.zeros((2, height + side - 1, width + side - 1))
        inner = np.s_[side // 2 : side // 2 + height, side // 2 : side // 2 + width]
        planes[0][inner], planes[1][inner] = refined.mean(0), refined.max(0)
        for i in range(height):
            for j in range(width):
                logit = (planes[:, i : i + side, j : j + side] * kernel).sum()
                out[n, :, i, j] = refined[:, i, j] * sigmoid(logit)
    return out


@pytest.mark.parametrize("kernel_size", [7, 3])
def test_equals_the_equations(kernel_size):
    torch.manual_seed(0)
    module = CBAM(32, reduction=8, kernel_size=kernel_size).double()
    x = torch.randn(2, 32, 9, 5).double()
    w0, w1, kernel = (p.detach().numpy() for p in module.parameters())
    assert w0.shape == (4, 32)
    assert kernel.shape == (1, 2, kernel_size, kernel_size)
    expected = cbam_by_loops(x.numpy(), w0, w1, kernel[0])
    np.testing.assert_allclose(module(x).detach().numpy(), expected)


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match=r"odd.*6"):
        CBAM(64, kernel_size=6)
