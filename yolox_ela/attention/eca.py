"""ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks, arXiv 1910.03151.

ECA describes each channel by its mean over the map and computes the channel's gate by a 1-D
convolution over k neighbouring channels, so that no bottleneck is needed:

    z   = mean over H and W             (N, C)
    w   = sigmoid(conv1d_k(z))          (N, C)         one kernel for all channels, no bias
    out = x * w                         (N, C, H, W)
    k   = |log2(C) / gamma + b / gamma|, the nearest odd number, with gamma 2 and b 1
"""

import math

from torch import Tensor, nn

from yolox_ela.attention.checks import require_channels, require_kernel
from yolox_ela.attention.gated import GatedModule


def adaptive_kernel_size(channels: int, *, gamma: float = 2, b: float = 1) -> int:
    """The paper's k for a number of channels; an even k is raised by 1, as in the released code."""
    value = abs((math.log2(channels) + b) / gamma)
    return 2 * int(value // 2) + 1


class ECA(GatedModule):
    """Efficient Channel Attention: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C, the number of channels of the map.
        kernel_size: width of the convolution in channels, an odd number; None for the paper's k.

    Raises:
        ValueError: the kernel is even or too long. TypeError: `channels` is no number.
    """

    def __init__(self, channels: int, *, kernel_size: int | None = None) -> None:
        super().__init__()
        require_channels("ECA", channels)
        k = adaptive_kernel_size(channels) if kernel_size is None else kernel_size
        require_kernel("ECA", k, "channels", 2 * channels - 1)
        # A layer rather than x.mean: thop, with which the paper counts, sees layers only.
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(
            nn.Conv1d(1, 1, k, padding=k // 2, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each channel of x by its gate."""
        z = self.pool(x).flatten(2).transpose(1, 2)  # (N, C, 1, 1) -> (N, C, 1) -> (N, 1, C)
        w = self.scaled(self.gate(z))
        return x * w.transpose(1, 2)[:, :, :, None]  # (N, 1, C) -> (N, C, 1, 1)

    def logit_parameters(self) -> list[nn.Parameter]:
        """The weights of the convolution."""
        return list(self.gate.parameters())
