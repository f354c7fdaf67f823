"""Coordinate Attention for Efficient Mobile Network Design (CA), arXiv 2103.02907, section 3.

CA pools the map along each spatial axis, passes both strips through one bottleneck, and multiplies
the map by a gate for each row and one for each column:

    z_h = mean over W, z_w = mean over H        (N, C, H), (N, C, W)      Eq. 4, 5
    f   = relu(norm(F_1([z_h; z_w])))           (N, hidden, H + W)        Eq. 6
    g_h = sigmoid(F_h(f_h))                     (N, C, H)                 Eq. 7
    g_w = sigmoid(F_w(f_w))                     (N, C, W)                 Eq. 8
    out = x * g_h * g_w                         (N, C, H, W)              Eq. 9

F_1, F_h and F_w are 1x1 convolutions. The norm is BatchNorm in the paper; `CAGroupNorm` is the
"CA_gn" that the ELA paper (arXiv 2403.01123, Table 3) compares with.

Where the parameter counts of the ELA paper contradict CA's released code, the counts are followed:
the convolutions have no bias, and the hidden width of "CA" has no minimum (8 in the code). The
activation is ReLU (h-swish in the code; CA's paper does not say).
"""

import torch
from torch import Tensor, nn

from yolox_ela.attention.checks import require_channels
from yolox_ela.attention.gated import GatedModule
from yolox_ela.attention.strips import gate_strips, strip_means


class CA(GatedModule):
    """Coordinate attention with BatchNorm: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C, the number of channels of the map; the hidden width is rounded down.
        reduction: r, the divisor that gives the hidden width, C // r.
        min_width: smallest hidden width.

    Raises:
        ValueError: `reduction` or `min_width` is below 1.
    """

    def __init__(self, channels: int, *, reduction: int = 32, min_width: int = 1) -> None:
        super().__init__()
        require_channels(type(self).__name__, channels)
        if reduction < 1 or min_width < 1:
            raise ValueError(
                f"{type(self).__name__}: reduction and min_width must be at least 1, "
                f"got {reduction} and {min_width}"
            )
        hidden = max(min_width, channels // reduction)
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            self.make_norm(hidden),
            nn.ReLU(),
        )
        self.gate_h = nn.Sequential(nn.Conv2d(hidden, channels, 1, bias=False), nn.Sigmoid())
        self.gate_w = nn.Sequential(nn.Conv2d(hidden, channels, 1, bias=False), nn.Sigmoid())

    @staticmethod
    def make_norm(hidden: int) -> nn.Module:
        """The normalisation of the concatenated strips, (N, hidden, H + W, 1)."""
        return nn.BatchNorm2d(hidden)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two gates, g_h (N, C, H) and g_w (N, C, W), each in (0, `gate_scale`)."""
        h, w = x.shape[2:]
        strips = torch.cat(strip_means(x), 2)[:, :, :, None]  # (N, C, H + W, 1)
        f_h, f_w = self.squeeze(strips).split([h, w], 2)
        return self.scaled(self.gate_h(f_h).squeeze(3)), self.scaled(self.gate_w(f_w).squeeze(3))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each row and each column of x by its gate."""
        return gate_strips(x, *self.gates(x))

    def logit_parameters(self) -> list[nn.Parameter]:
        """The weights of F_h and F_w."""
        return [*self.gate_h.parameters(), *self.gate_w.parameters()]


class CAGroupNorm(CA):
    """Coordinate attention with GroupNorm, one channel a group: (N, C, H, W) -> (N, C, H, W).

    This is "CA_gn" of the ELA paper, whose parameter counts result from `min_width=8` for r = 16
    and 24, and from the default for r = 32.
    """

    @staticmethod
    def make_norm(hidden: int) -> nn.Module:
        """The normalisation of the concatenated strips, (N, hidden, H + W, 1)."""
        return nn.GroupNorm(hidden, hidden)
