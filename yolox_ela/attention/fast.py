"""ELA for prediction in PyTorch: the same gates as `ELA`, with far fewer small operations.

For one image on a CPU, ELA's time is mostly that of starting operations on strips of a few thousand
numbers. Compared with `ELA.forward`, `FastELA`
* keeps strips in the memory order of a channels_last map, (L, C), so that gates need no copies,
* takes sums for means: GroupNorm does not see a factor of its input if its epsilon has the square,
* writes the strips of a square map, and the zeros between them, into one strip,
* computes the convolution as one product of weights and shifted views of that strip,
* multiplies the map in place, without memory for a second map.
"""

import torch
from torch import Tensor, nn

from yolox_ela.attention.ela import ELA


class FastELA(nn.Module):
    """What a trained `ELA` computes, without gradients; it overwrites the map that it is given.

    Args:
        ela: the module with the weights, which are copied.
    """

    def __init__(self, ela: ELA) -> None:
        super().__init__()
        self.scale = ela.gate_scale
        self.gate_h = _StripGate(ela.gate_h)
        self.gate_w = None if ela.gate_w is None else _StripGate(ela.gate_w)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) multiplied by its gates, in the memory of x."""
        height, width = x.shape[2:]
        nhwc = x.permute(0, 2, 3, 1)
        s_h, s_w = nhwc.sum(2), nhwc.sum(1)  # (N, H, C), (N, W, C): W and H times the means
        if self.gate_w is None and height == width:
            both = self._scaled(self.gate_h([s_h, s_w], factor=width))  # (N, 2, H, C)
            y_h, y_w = both[:, 0], both[:, 1]
        else:
            gate_w = self.gate_h if self.gate_w is None else self.gate_w
            y_h = self._scaled(self.gate_h([s_h], factor=width))[:, 0]
            y_w = self._scaled(gate_w([s_w], factor=height))[:, 0]
        nhwc.mul_(y_h[:, :, None]).mul_(y_w[:, None])
        return x

    def _scaled(self, gates: Tensor) -> Tensor:
        return gates if self.scale == 1 else gates.mul_(self.scale)


class _StripGate(nn.Module):
    """sigmoid(GroupNorm(Conv1d(strip))) of one or more strips of equal length.

    Args:
        gate: the layers of an `ELA`.
    """

    weight: Tensor  # depthwise (k, C), otherwise (groups, C / groups, k C / groups)
    gamma: Tensor
    beta: Tensor
    zeros: Tensor  # the padding

    def __init__(self, gate: nn.Sequential) -> None:
        super().__init__()
        conv, norm = gate[0], gate[1]
        assert isinstance(conv, nn.Conv1d)
        assert isinstance(norm, nn.GroupNorm)
        self.kernel, self.groups = conv.kernel_size[0], conv.groups
        self.num_groups, self.eps = norm.num_groups, norm.eps
        self.depthwise = conv.groups == conv.out_channels
        weight = conv.weight.detach()
        self.taps = weight[0].numel()  # numbers that one output is computed from
        weight = weight[:, 0].t() if self.depthwise else weight.reshape(conv.groups, -1, self.taps)
        self.register_buffer("weight", weight.clone(memory_format=torch.contiguous_format))
        self.register_buffer("gamma", norm.weight.detach().clone())
        self.register_buffer("beta", norm.bias.detach().clone())
        self.register_buffer("zeros", weight.new_zeros(1, self.kernel // 2, conv.out_channels))

    def forward(self, sums: list[Tensor], *, factor: int) -> Tensor:
        """The gates of S strips (N, L, C) that are `factor` times the means: (N, S, L, C)."""
        convolved = self._depthwise(sums) if self.depthwise else self._grouped(sums)
        images, strips, length, channels = convolved.shape
        # As a map of width 1 in channels_last memory, for which GroupNorm has a kernel.
        column = convolved.view(images * strips, length, 1, channels).permute(0, 3, 1, 2)
        eps = self.eps * factor**2
        logits = torch.group_norm(column, self.num_groups, self.gamma, self.beta, eps)
        return logits.sigmoid_().permute(0, 2, 3, 1).view(images, strips, length, channels)

    def _depthwise(self, sums: list[Tensor]) -> Tensor:
        """(N, L, C) -> (N, S, L, C), each channel convolved with its own kernel."""
        images, length, channels = sums[0].shape
        padded = self._padded(sums)  # (N, P, C)
        strip, position = (length + self.kernel // 2) * channels, channels
        shifted = padded.as_strided(
            (images, len(sums), length, self.kernel, channels),
            (padded.stride(0), strip, position, position, 1),
        )
        return (shifted * self.weight).sum(3)

    def _grouped(self, sums: list[Tensor]) -> Tensor:
        """(N, L, C) -> (N, S, L, C), the channels of each group convolved with one another."""
        images, length, channels = sums[0].shape
        padded = self._padded(sums, transposed=True)  # (N, C, P)
        shifted = padded.as_strided(
            (channels, self.kernel, images, len(sums), length),
            (padded.stride(1), 1, padded.stride(0), length + self.kernel // 2, 1),
        )
        product = torch.bmm(self.weight, shifted.reshape(self.groups, self.taps, -1))
        return product.view(channels, images, len(sums), length).permute(1, 2, 3, 0).contiguous()

    def _padded(self, sums: list[Tensor], *, transposed: bool = False) -> Tensor:
        """The strips with zeros around each, as one strip (N, P, C), transposed (N, C, P)."""
        zeros = self.zeros.expand(sums[0].shape[0], -1, -1)
        parts = [zeros]
        for strip in sums:
            parts += [strip, zeros]
        if transposed:
            return torch.cat([part.transpose(1, 2) for part in parts], 2)
        return torch.cat(parts, 1)
