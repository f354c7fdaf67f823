"""Squeeze-and-Excitation Networks (SE), arXiv 1709.01507, section 3.

SE describes each channel by its mean over the map, lets a bottleneck of two fully connected
layers compare the channels, and multiplies each channel by its gate:

    z   = mean over H and W             (N, C)         Eq. 2, squeeze
    s   = sigmoid(W2 relu(W1 z))        (N, C)         Eq. 3, excitation
    out = x * s                         (N, C, H, W)   Eq. 4, scale

W1 is (C/r, C) and W2 (C, C/r), without biases, as the equations write them.
"""

from torch import Tensor, nn

from yolox_ela.attention.checks import require_divisible
from yolox_ela.attention.gated import GatedModule


class SE(GatedModule):
    """Squeeze-and-Excitation: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C, the number of channels of the map.
        reduction: r, the divisor that gives the units of the bottleneck, C/r.

    Raises:
        ValueError: `channels` is not divisible by `reduction`.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        require_divisible("SE", channels, reduction, "equal parts (reduction)")
        # A layer rather than x.mean: thop, with which the paper counts, sees layers only.
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each channel of x by its gate."""
        z = self.pool(x).flatten(1)  # (N, C, 1, 1) -> (N, C)
        s = self.scaled(self.gate(z))
        return x * s[:, :, None, None]

    def logit_parameters(self) -> list[nn.Parameter]:
        """The weights of W2, the last layer before the sigmoid."""
        return list(self.gate[2].parameters())
