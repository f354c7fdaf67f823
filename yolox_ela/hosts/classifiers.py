"""The paper's classifiers, Tables 2, 4 and 5: images (N, 3, H, W) in, logits (N, classes) out.

They are torchvision's, with attention at the sites of `sites.py`. Images are RGB, normalised by
ImageNet's mean and standard deviation, as torchvision's pretrained weights expect.
"""

from typing import Any

import torchvision.models
from torch import Tensor, nn
from torchvision.models import MobileNet_V2_Weights, ResNet

from yolox_ela.attention.insertion import Build, insert
from yolox_ela.hosts.sites import sites


def resnet18(
    attention: Build | None = None, *, identity_start: bool = False, **options: Any
) -> ResNet:
    """torchvision's ResNet-18 with attention at 13 sites; see `sites.SITES`.

    Args:
        attention: builds the module for a number of channels; None for the plain network.
        identity_start: whether the modules start as the identity, for pretrained weights.
        options: those of torchvision's function, such as `num_classes` and `weights`.
    """
    model = torchvision.models.resnet18(**options)
    return _attend(model, "resnet18", attention, identity_start)


def resnet50(
    attention: Build | None = None, *, identity_start: bool = False, **options: Any
) -> ResNet:
    """torchvision's ResNet-50 with attention at 5 sites; the arguments are those of `resnet18`."""
    model = torchvision.models.resnet50(**options)
    return _attend(model, "resnet50", attention, identity_start)


def resnet101(
    attention: Build | None = None, *, identity_start: bool = False, **options: Any
) -> ResNet:
    """torchvision's ResNet-101 with attention at 5 sites; the arguments are those of `resnet18`."""
    model = torchvision.models.resnet101(**options)
    return _attend(model, "resnet101", attention, identity_start)


class MobileNetV2(torchvision.models.MobileNetV2):
    """torchvision's MobileNetV2 with its global mean as a layer, which thop counts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        return self.classifier(self.pool(self.features(x)).flatten(1))


def mobilenet_v2(
    attention: Build | None = None,
    *,
    identity_start: bool = False,
    weights: MobileNet_V2_Weights | None = None,
    **options: Any,
) -> MobileNetV2:
    """MobileNetV2 with attention in 16 of its 17 blocks.

    Args:
        attention: builds the module for a number of channels; None for the plain network.
        identity_start: whether the modules start as the identity, for pretrained weights.
        weights: torchvision's pretrained weights, downloaded if needed; they are of 1000 classes.
        options: those of torchvision's class, such as `num_classes` and `dropout`.
    """
    model = MobileNetV2(**options)
    if weights is not None:
        model.load_state_dict(weights.get_state_dict(progress=False, check_hash=True))
    return _attend(model, "mobilenet_v2", attention, identity_start)


def _attend(model: Any, name: str, attention: Build | None, identity_start: bool) -> Any:
    if attention is None:
        return model
    return insert(model, sites(name), attention, identity_start=identity_start)
