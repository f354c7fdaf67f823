"""ELA for files whose input has one size: strips keep four dimensions, as convolutions have them.

Runtimes hold the maps between convolutions in a layout of their own, and change it wherever an
operator does not know it. Here means are average pools, both convolutions are 2-D ones along the
strip, and GroupNorm's factors are a 1 x 1 convolution that a runtime joins with the sigmoid: so
the map itself never leaves that layout.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from yolox_ela.attention.ela import ELA


class FixedSizeELA(nn.Module):
    """What a trained `ELA` computes, to be recorded for one number and one size of maps.

    Args:
        ela: the module with the weights, which are shared.
        expanded: True to write gates out as maps before they are multiplied, as onnxruntime needs
            it: its blocked layout knows products of maps of one shape only. False to multiply the
            map by the strips, which OpenVINO does in one pass.
    """

    def __init__(self, ela: ELA, *, expanded: bool) -> None:
        super().__init__()
        gate_w = ela.gate_h if ela.gate_w is None else ela.gate_w
        # Of the two factors `gate_scale`, one gate gets both.
        self.gate_h = _StripGate(ela.gate_h, scale=ela.gate_scale**2)
        self.gate_w = _StripGate(gate_w, scale=1.0)
        self.expanded = expanded

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        height, width = (int(side) for side in x.shape[2:])  # constants in the record
        y_h = self.gate_h(functional.avg_pool2d(x, (1, width)))
        y_w = self.gate_w(functional.avg_pool2d(x, (height, 1)))
        if self.expanded:
            y_h = functional.interpolate(y_h, scale_factor=(1.0, float(width)))
            y_w = functional.interpolate(y_w, scale_factor=(float(height), 1.0))
        return x * y_h * y_w


class _StripGate(nn.Module):
    """scale * sigmoid(GroupNorm(Conv1d(strip))) of a strip (N, C, L, 1) or (N, C, 1, L)."""

    def __init__(self, gate: nn.Sequential, *, scale: float) -> None:
        super().__init__()
        conv, norm = gate[0], gate[1]
        assert isinstance(conv, nn.Conv1d)
        assert isinstance(norm, nn.GroupNorm)
        self.weight, self.groups = conv.weight, conv.groups
        self.num_groups, self.eps = norm.num_groups, norm.eps
        self.gamma, self.beta, self.scale = norm.weight, norm.bias, scale

    def forward(self, strip: Tensor) -> Tensor:
        channels, rows, columns = (int(side) for side in strip.shape[1:])
        along_rows = columns == 1
        weight = self.weight[:, :, :, None] if along_rows else self.weight[:, :, None, :]
        half = self.weight.shape[2] // 2
        padding = (half, 0) if along_rows else (0, half)
        y = functional.conv2d(strip, weight, padding=padding, groups=self.groups)
        group = channels * rows * columns // self.num_groups  # numbers that are normalised together
        y = functional.instance_norm(y.reshape(-1, self.num_groups, group), eps=self.eps)
        y = y.reshape(-1, channels, rows, columns)
        y = _per_channel(y, self.gamma, self.beta).sigmoid()
        if self.scale != 1:
            y = _per_channel(y, torch.full_like(self.gamma, self.scale), None)
        return y


def _per_channel(x: Tensor, factor: Tensor, summand: Tensor | None) -> Tensor:
    """factor * x + summand with a number for each channel, as a convolution."""
    return functional.conv2d(x, factor.view(-1, 1, 1, 1), summand, groups=len(factor))
