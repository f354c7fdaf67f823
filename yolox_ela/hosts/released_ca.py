"""Coordinate attention as its authors released it, which is in the ELA paper's MobileNetV2.

The counts of the paper's Table 5 need the biases, the smallest width of 8 and the pooling layers of
https://github.com/houqb/CoordAttention; in all other networks they are those of `attention.CA`.
"""

import torch
from torch import Tensor, nn

from yolox_ela.attention import CA


class ReleasedCA(CA):
    """Coordinate attention with biases, h-swish and pooling layers: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C, the number of channels of the map; the hidden width is max(8, C // reduction).
        reduction: r, the divisor that gives the hidden width.

    Raises:
        ValueError: `reduction` is below 1.
    """

    def __init__(self, channels: int, *, reduction: int = 32) -> None:
        super().__init__(channels, reduction=reduction, min_width=8)
        hidden = max(8, channels // reduction)
        self.pool_h = nn.AdaptiveAvgPool2d((None, 1))
        self.pool_w = nn.AdaptiveAvgPool2d((1, None))
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), self.make_norm(hidden), nn.Hardswish()
        )
        self.gate_h = nn.Sequential(nn.Conv2d(hidden, channels, 1), nn.Sigmoid())
        self.gate_w = nn.Sequential(nn.Conv2d(hidden, channels, 1), nn.Sigmoid())

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two gates, g_h (N, C, H) and g_w (N, C, W), each in (0, `gate_scale`)."""
        strips = torch.cat([self.pool_h(x), self.pool_w(x).transpose(2, 3)], 2)  # (N, C, H + W, 1)
        f_h, f_w = self.squeeze(strips).split([x.shape[2], x.shape[3]], 2)
        return self.scaled(self.gate_h(f_h).squeeze(3)), self.scaled(self.gate_w(f_w).squeeze(3))
