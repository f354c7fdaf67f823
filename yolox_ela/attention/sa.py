"""SA-Net: Shuffle Attention for Deep Convolutional Neural Networks, arXiv 2102.00045, section 3.

SA cuts the channels into G groups and each group into two halves of C/2G channels. It multiplies
one half by a gate for each channel, the other by a gate for each position; a channel shuffle then
mixes the halves:

    x1' = x1 * sigmoid(w1 * mean(x1) + b1)     over H and W    Eq. 1, 2, channel branch
    x2' = x2 * sigmoid(w2 * GN(x2) + b2)                       Eq. 3, spatial branch
    out = shuffle([x1'; x2'])                                  2-group channel shuffle

Each w and b holds one number for each channel of a half, shared by all G groups. GN normalises each
channel alone. As in the released code, w starts at 0 and b at 1, so gates start at sigmoid(1).
"""

import torch
from torch import Tensor, nn

from yolox_ela.attention.checks import require_divisible
from yolox_ela.attention.gated import GatedModule


class SA(GatedModule):
    """Shuffle attention: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C, the number of channels of the map.
        groups: G, the number of groups; the map is cut into 2G parts of C/2G channels.

    Attributes:
        shuffle: whether the channels are shuffled; False if the module starts as the identity.
            The shuffle is a fixed permutation of the channels, so a convolution behind the module
            can compute the same functions without it.

    Raises:
        ValueError: `channels` is not divisible by 2 x `groups`.
    """

    shuffle: bool = True

    def __init__(self, channels: int, *, groups: int = 8) -> None:
        super().__init__()
        require_divisible("SA", channels, 2 * groups, "half groups (2 x groups)")
        self.groups = groups
        half = channels // (2 * groups)
        # A layer rather than x.mean: thop, with which the paper counts, sees layers only.
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.channel_weight = nn.Parameter(torch.zeros(half, 1, 1))
        self.channel_bias = nn.Parameter(torch.ones(half, 1, 1))
        self.norm = nn.GroupNorm(half, half)
        self.spatial_weight = nn.Parameter(torch.zeros(half, 1, 1))
        self.spatial_bias = nn.Parameter(torch.ones(half, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Gate one half of each group by channel and the other by position, then shuffle."""
        n, c, h, w = x.shape
        # (N, C, H, W) -> (N G, C/G, H, W) -> twice (N G, C/2G, H, W)
        x1, x2 = x.reshape(n * self.groups, c // self.groups, h, w).chunk(2, 1)
        logit1 = self.channel_weight * self.pool(x1) + self.channel_bias
        logit2 = self.spatial_weight * self.norm(x2) + self.spatial_bias
        gate1, gate2 = self.scaled(torch.sigmoid(logit1)), self.scaled(torch.sigmoid(logit2))
        # Under autocast the raw weights make the gates float32; the map keeps its own type.
        out = torch.cat([x1 * gate1.to(x.dtype), x2 * gate2.to(x.dtype)], 1)
        if not self.shuffle:
            return out.reshape(n, c, h, w)
        # Shuffle: (N G, C/G, H, W) -> (N, 2, C/2, H, W) -> (N, C/2, 2, H, W) -> (N, C, H, W)
        return out.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    def start_as_identity(self) -> None:
        """Let the module return its input, bit for bit, until it is trained; see `shuffle`."""
        super().start_as_identity()
        self.shuffle = False

    def logit_parameters(self) -> list[nn.Parameter]:
        """The weights w and biases b of both branches."""
        return [
            self.channel_weight,
            self.channel_bias,
            self.spatial_weight,
            self.spatial_bias,
        ]
