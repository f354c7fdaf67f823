"""CBAM: Convolutional Block Attention Module, arXiv 1807.06521, section 3.

CBAM multiplies the map first by a gate for each channel, then by a gate for each position. The
channel gates come from the mean and the maximum of each channel, through one shared bottleneck; the
spatial gates from a convolution over the mean and the maximum of each position:

    M_c = sigmoid(W1 relu(W0 z_mean) + W1 relu(W0 z_max))   (N, C)         Eq. 2
    x'  = x * M_c                                           (N, C, H, W)   Eq. 1
    M_s = sigmoid(conv7x7([x'_mean; x'_max]))               (N, 1, H, W)   Eq. 3
    out = x' * M_s                                          (N, C, H, W)   Eq. 1

z pools over H and W, x'_mean and x'_max over C. As the equations write it, nothing has a bias
and no normalisation follows the convolution (the released code adds both).
"""

import torch
from torch import Tensor, nn

from yolox_ela.attention.checks import require_divisible, require_kernel
from yolox_ela.attention.gated import GatedModule


class CBAM(GatedModule):
    """Convolutional Block Attention Module: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C, the number of channels of the map.
        reduction: r, the divisor that gives the units of the channel gate's bottleneck, C/r.
        kernel_size: side of the spatial gate's convolution in pixels of the map, an odd number.

    Raises:
        ValueError: `channels` is not divisible by `reduction`, or the kernel is even
            or too long.
    """

    def __init__(self, channels: int, *, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        require_divisible("CBAM", channels, reduction, "equal parts (reduction)")
        require_kernel("CBAM", kernel_size, "size")
        # Layers rather than x.mean: thop, with which the paper counts, sees layers only.
        self.mean_pool = nn.AdaptiveAvgPool2d(1)
        self.max_pool = nn.AdaptiveMaxPool2d(1)
        self.mlp = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels, bias=False),
        )
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def channel_gate(self, x: Tensor) -> Tensor:
        """M_c, (N, C, 1, 1), in (0, `gate_scale`)."""
        z_mean = self.mean_pool(x).flatten(1)  # (N, C, 1, 1) -> (N, C)
        z_max = self.max_pool(x).flatten(1)
        gate = torch.sigmoid(self.mlp(z_mean) + self.mlp(z_max))
        return self.scaled(gate)[:, :, None, None]

    def spatial_gate(self, x: Tensor) -> Tensor:
        """M_s, (N, 1, H, W), in (0, `gate_scale`)."""
        planes = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)  # (N, 2, H, W)
        return self.scaled(torch.sigmoid(self.conv(planes)))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x by its channel gate, and the result by its own spatial gate."""
        x = x * self.channel_gate(x)
        return x * self.spatial_gate(x)

    def logit_parameters(self) -> list[nn.Parameter]:
        """W1 and the kernel of the convolution."""
        return [*self.mlp[2].parameters(), *self.conv.parameters()]
