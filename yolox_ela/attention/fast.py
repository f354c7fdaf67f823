"""ELA for prediction in PyTorch: the same gates as `ELA`, with far fewer small operations.

For one image on a CPU, ELA's time is mostly that of starting operations on strips of a few thousand
numbers. Compared with `ELA.forward`, `FastELA`
* keeps strips in the memory order of a channels_last map, (L, C), so that gates need no copies,
* takes sums for means: GroupNorm does not see a factor of its input if its epsilon has the square,
* writes the strips of a square map, and the zeros between them, into one strip,
* computes a depthwise convolution as one product of the weights and shifted views of that strip,
  and any other as one matrix product, of which shifted views are then added,
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
            y_h, y_w = self._scaled(self.gate_h([s_h, s_w], factor=width)).unbind(1)
        else:
            gate_w = self.gate_h if self.gate_w is None else self.gate_w
            y_h = self._scaled(self.gate_h([s_h], factor=width))[:, 0]
            y_w = self._scaled(gate_w([s_w], factor=height))[:, 0]
        nhwc.mul_(y_h).mul_(y_w.transpose(1, 2))
        return x

    def _scaled(self, gates: Tensor) -> Tensor:
        return gates if self.scale == 1 else gates.mul_(self.scale)


class _StripGate(nn.Module):
    """sigmoid(GroupNorm(Conv1d(strip))) of one or more strips of equal length.

    Args:
        gate: the layers of an `ELA`.
    """

    weight: Tensor  # depthwise (k, C), otherwise (groups, k C / groups, C / groups)
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
        weight = conv.weight.detach()  # (C, C / groups, k)
        if self.depthwise:
            weight = weight[:, 0].t()
        else:
            by_group = weight.unflatten(0, (conv.groups, -1))  # groups, outputs, inputs, k
            weight = by_group.permute(0, 3, 1, 2).flatten(1, 2)
        self.register_buffer("weight", weight.clone(memory_format=torch.contiguous_format))
        self.register_buffer("gamma", norm.weight.detach().clone())
        self.register_buffer("beta", norm.bias.detach().clone())
        self.register_buffer("zeros", weight.new_zeros(1, self.kernel // 2, conv.out_channels))

    def forward(self, sums: list[Tensor], *, factor: int) -> Tensor:
        """The gates of S strips (N, L, C) that are `factor` times the means: (N, S, L, 1, C)."""
        images, length, channels = sums[0].shape
        zeros = self.zeros if images == 1 else self.zeros.expand(images, -1, -1)
        parts = [zeros]
        for strip in sums:
            parts += [strip, zeros]
        convolve = self._depthwise if self.depthwise else self._grouped
        strips = convolve(torch.cat(parts, 1), len(sums), length)
        eps = self.eps * factor**2
        logits = torch.group_norm(strips, self.num_groups, self.gamma, self.beta, eps)
        # With the channels side by side, as in the map, their product takes a sixth of the time.
        gates = logits.sigmoid_().permute(0, 2, 3, 1).contiguous()
        return gates.view(images, len(sums), length, 1, channels)

    def _depthwise(self, padded: Tensor, strips: int, length: int) -> Tensor:
        """(N, P, C), S strips with zeros around -> (N S, C, L, 1) in channels_last memory."""
        images, size, channels = padded.shape
        shifted = padded.as_strided(
            (images, strips, length, self.kernel, channels),
            (size * channels, (length + self.kernel // 2) * channels, channels, channels, 1),
        )
        column = (images * strips, channels, length, 1)
        memory = (length * channels, 1, channels, channels)
        return (shifted * self.weight).sum(3).as_strided(column, memory)

    def _grouped(self, padded: Tensor, strips: int, length: int) -> Tensor:
        """(N, P, C), S strips with zeros around -> (N S, C, L, 1)."""
        images, size, channels = padded.shape
        width, positions = channels // self.groups, images * size
        by_group = padded.as_strided((self.groups, width, positions), (width, 1, channels))
        products = torch.bmm(self.weight, by_group)  # (groups, k width, N P)
        tap = width * positions
        shifted = products.as_strided(
            (images, strips, self.groups, width, self.kernel, length),
            (size, length + self.kernel // 2, self.kernel * tap, positions, tap + 1, 1),
        )
        return shifted.sum(4).view(images * strips, channels, length, 1)
