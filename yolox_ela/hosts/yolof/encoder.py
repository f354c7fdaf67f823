"""The dilated encoder of YOLOF, arXiv 2103.09460, section 4.1: one map for objects of all sizes."""

from torch import Tensor, nn

WIDTH = 512
MID_WIDTH = 128
DILATIONS = (2, 4, 6, 8)


class DilatedEncoder(nn.Module):
    """(N, `channels`, H, W) -> (N, 512, H, W).

    A projector reduces the channels; four residual blocks, whose dilations grow, enlarge the
    receptive field step by step, so that the result covers small and large objects alike.

    Args:
        channels: channels of the backbone's map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projector = nn.Sequential(*_conv(channels, WIDTH, 1), *_conv(WIDTH, WIDTH, 3))
        self.blocks = nn.Sequential(*(ResidualBlock(dilation) for dilation in DILATIONS))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, c5: Tensor) -> Tensor:
        """Project, then run through the residual blocks."""
        return self.blocks(self.projector(c5))


class ResidualBlock(nn.Module):
    """x + 1x1, dilated 3x3 and 1x1 convolutions of x: (N, 512, H, W) -> (N, 512, H, W)."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_conv(WIDTH, MID_WIDTH, 1),
            nn.ReLU(),
            *_conv(MID_WIDTH, MID_WIDTH, 3, dilation),
            nn.ReLU(),
            *_conv(MID_WIDTH, WIDTH, 1),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the layers' result to x."""
        return x + self.layers(x)


def _conv(c_in: int, c_out: int, kernel: int, dilation: int = 1) -> tuple[nn.Module, nn.Module]:
    padding = kernel // 2 * dilation
    conv = nn.Conv2d(c_in, c_out, kernel, padding=padding, dilation=dilation, bias=False)
    return conv, nn.BatchNorm2d(c_out)
