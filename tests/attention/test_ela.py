"""ELA against the paper (arXiv 2403.01123): Figure 4 by hand, section 3.3, counted parameters."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn

from yolox_ela.attention import ELA, ela_b, ela_l, ela_s, ela_t

# Section 3.3: kernel size, channels seen by one filter (None: all its own, depthwise 1),
# groups of the GroupNorm; and the parameters at 64 and 256 channels, counted by hand as
# channels x channels per filter x kernel + 2 x channels.
VERSIONS = {
    "T": (ela_t, 5, 1, 32, 64 * 1 * 5 + 128, 256 * 1 * 5 + 512),
    "B": (ela_b, 7, 1, 16, 64 * 1 * 7 + 128, 256 * 1 * 7 + 512),
    "S": (ela_s, 5, 8, 16, 64 * 8 * 5 + 128, 256 * 8 * 5 + 512),
    "L": (ela_l, 7, 8, 16, 64 * 8 * 7 + 128, 256 * 8 * 7 + 512),
}
every_version = pytest.mark.parametrize(
    ("build", "kernel", "per_filter", "num_groups", "at_64", "at_256"),
    VERSIONS.values(),
    ids=VERSIONS,
)


def randomised(module: nn.Module) -> nn.Module:
    """Every weight away from its initial value, so that none can be forgotten."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return module


def image(n: int, channels: int, h: int, w: int) -> torch.Tensor:
    return torch.randn(n, channels, h, w, generator=torch.Generator().manual_seed(1))


def figure4(x, filters, gamma, beta, num_groups, filters_w=None, gamma_w=None, beta_w=None):
    """Equations 5 to 9 in loops: x (N, C, H, W), filters (C, channels per filter, kernel)."""
    shared = filters_w is None
    y_h = gate(x.mean(axis=3), filters, gamma, beta, num_groups)
    y_w = gate(
        x.mean(axis=2),
        filters if shared else filters_w,
        gamma if shared else gamma_w,
        beta if shared else beta_w,
        num_groups,
    )
    out = np.empty_like(x)
    n, c, h, w = x.shape
    for i in range(n):
        for channel in range(c):
            for row in range(h):
                for column in range(w):
                    weight = y_h[i, channel, row] * y_w[i, channel, column]
                    out[i, channel, row, column] = x[i, channel, row, column] * weight
    return out


def gate(z, filters, gamma, beta, num_groups):
    """sigmoid(GroupNorm(Conv1d(z))) of (N, C, L)."""
    n, channels, length = z.shape
    _, per_filter, kernel = filters.shape
    y = np.zeros_like(z)
    for i in range(n):
        for channel in range(channels):
            first = channel // per_filter * per_filter
            for position in range(length):
                for k in range(kernel):
                    source = position + k - kernel // 2
                    if 0 <= source < length:  # zero padding outside
                        seen = z[i, first : first + per_filter, source]
                        y[i, channel, position] += float(filters[channel, :, k] @ seen)
        size = channels // num_groups
        for start in range(0, channels, size):
            block = y[i, start : start + size]
            normal = (block - block.mean()) / math.sqrt(block.var() + 1e-5)
            for offset in range(size):
                channel = start + offset
                y[i, channel] = gamma[channel] * normal[offset] + beta[channel]
    return 1 / (1 + np.exp(-y))


def weights(sequence: nn.Module) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    conv = next(m for m in sequence.modules() if isinstance(m, nn.Conv1d))
    norm = next(m for m in sequence.modules() if isinstance(m, nn.GroupNorm))
    return tuple(p.detach().double().numpy() for p in (conv.weight, norm.weight, norm.bias))


@every_version
@pytest.mark.parametrize(("h", "w"), [(6, 6), (3, 7), (9, 4)])
def test_figure_4(build, kernel, per_filter, num_groups, at_64, at_256, h, w):
    ela, x = randomised(build(64)), image(2, 64, h, w)
    filters, gamma, beta = weights(ela)
    assert filters.shape == (64, per_filter, kernel)
    expected = figure4(x.double().numpy(), filters, gamma, beta, num_groups)
    np.testing.assert_allclose(ela(x).detach().numpy(), expected, atol=2e-5, rtol=1e-4)


def test_the_formula_in_the_docstring():
    """What the docstring of `forward` writes down is what `forward` computes."""
    lines = [line.partition("#")[0] for line in inspect.getdoc(ELA.forward).splitlines()]
    formula = [line.strip() for line in lines if " = " in line and line.startswith("    ")]
    assert len(formula) == 6
    ela, x = randomised(ela_s(64)), image(2, 64, 3, 7)
    convolution, norm, _ = ela.gate_h
    names = {"x": x, "F_h": convolution, "F_w": convolution, "G_n": norm, "sigmoid": torch.sigmoid}
    exec("\n".join(formula), names)
    torch.testing.assert_close(ela(x), names["Y"])


@every_version
def test_equations_7_and_8_with_two_functions(build, kernel, per_filter, num_groups, at_64, at_256):
    ela, x = randomised(build(64, shared=False)), image(2, 64, 3, 7)
    filters, gamma, beta = weights(ela.gate_h)
    expected = figure4(x.double().numpy(), filters, gamma, beta, num_groups, *weights(ela.gate_w))
    np.testing.assert_allclose(ela(x).detach().numpy(), expected, atol=2e-5, rtol=1e-4)


@every_version
def test_versions_of_section_3_3(build, kernel, per_filter, num_groups, at_64, at_256):
    for channels in (64, 128, 256):
        ela = build(channels)
        convs = [m for m in ela.modules() if isinstance(m, nn.Conv1d)]
        norms = [m for m in ela.modules() if isinstance(m, nn.GroupNorm)]
        assert [conv.kernel_size for conv in convs] == [(kernel,)], "one conv for both axes"
        assert convs[0].groups == channels // per_filter
        assert convs[0].bias is None
        assert [norm.num_groups for norm in norms] == [num_groups], "one norm for both axes"


@every_version
def test_parameters(build, kernel, per_filter, num_groups, at_64, at_256):
    for channels, count in ((64, at_64), (256, at_256)):
        assert sum(p.numel() for p in build(channels).parameters()) == count
        two = build(channels, shared=False)
        assert sum(p.numel() for p in two.parameters()) == 2 * count


@every_version
def test_rows_and_columns_are_treated_alike(build, kernel, per_filter, num_groups, at_64, at_256):
    x = image(2, 64, 5, 9)
    ela = randomised(build(64))
    torch.testing.assert_close(ela(x.transpose(2, 3)), ela(x).transpose(2, 3))
    two = randomised(build(64, shared=False))
    assert not torch.allclose(two(x.transpose(2, 3)), two(x).transpose(2, 3), atol=1e-2)


def test_two_functions_are_independent():
    """Each axis listens to its own weights only, and equal weights give the shared module."""
    x = image(2, 64, 5, 9)
    one, two = randomised(ela_s(64)), ela_s(64, shared=False)
    two.gate_h.load_state_dict(one.gate_h.state_dict())
    two.gate_w.load_state_dict(one.gate_h.state_dict())
    torch.testing.assert_close(two(x), one(x))
    y_h, y_w = two.gates(x)
    for parameter in two.gate_w.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(two.gates(x)[0], y_h)
    assert not torch.equal(two.gates(x)[1], y_w)


def test_gates_of_a_known_map():
    """A bright row: the height gate rises there only, and no column stands out."""
    ela = ELA(16, kernel_size=1, groups=16, num_groups=16)
    nn.init.ones_(ela.gate_h[0].weight)  # the conv passes the means on
    x = torch.zeros(1, 16, 5, 4)
    x[:, :, 2] = 1.0
    y_h, y_w = ela.gates(x)
    assert y_h.shape == (1, 16, 5)
    assert y_w.shape == (1, 16, 4)
    # Means over W: 0 0 1 0 0, mean 0.2, deviation 0.4: normalised -0.5 -0.5 2 -0.5 -0.5.
    expected = torch.tensor([-0.5, -0.5, 2.0, -0.5, -0.5]).sigmoid().expand(1, 16, 5)
    torch.testing.assert_close(y_h, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(y_w, torch.full((1, 16, 4), 0.5), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({"groups": 7}, ("64", "7")),
        ({"groups": 8, "num_groups": 10}, ("64", "10")),
        ({"groups": 128}, ("64", "128")),
        ({"groups": 0}, ("64", "0")),
    ],
)
def test_groups_that_do_not_divide(options, numbers):
    with pytest.raises(ValueError, match=rf"\b{numbers[0]}\b.*\b{numbers[1]}\b"):
        ELA(64, **options)


@pytest.mark.parametrize("kernel_size", [4, 0])
def test_even_kernel(kernel_size):
    with pytest.raises(ValueError, match=rf"odd.*\b{kernel_size}\b"):
        ELA(64, groups=8, kernel_size=kernel_size)


@pytest.mark.parametrize("kernel_size", [-7, 2049, 999_999])
def test_kernel_longer_than_any_map(kernel_size):
    """Weights that no map reaches cost memory and time, and do nothing."""
    with pytest.raises(ValueError, match=f"from 1 to 2,047, got {kernel_size}"):
        ELA(64, groups=8, kernel_size=kernel_size)
