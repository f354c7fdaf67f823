"""The backbone of YOLOF: ResNet-50 up to C5, with frozen BatchNorm."""

from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.ops import FrozenBatchNorm2d

STRIDE = 32
CHANNELS = 2048


class ResNet50C5(ResNet):
    """ResNet-50 without its classifier: (N, 3, H, W) -> C5, (N, 2048, H / 32, W / 32), rounded up.

    The names are torchvision's, so pretrained weights of ResNet-50 load by name; BatchNorm is
    frozen, that is, a fixed scale and shift.

    Args:
        weights: torchvision's pretrained weights of ResNet-50, or None for random ones.
        train_batchnorm: whether BatchNorm is trained instead, which random weights need.
    """

    def __init__(self, weights: Any = None, *, train_batchnorm: bool = False) -> None:
        norm = nn.BatchNorm2d if train_batchnorm else FrozenBatchNorm2d
        super().__init__(Bottleneck, [3, 4, 6, 3], norm_layer=norm)
        if weights is not None:
            self.load_state_dict(weights.get_state_dict(progress=False, check_hash=True))
        del self.avgpool, self.fc

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> C5."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))
