"""The paper's DeepLabV3-ResNet50, Table 8: images (N, 3, H, W) in, class maps out."""

from typing import Any

from torchvision.models import resnet50
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.segmentation.deeplabv3 import DeepLabHead, DeepLabV3

from yolox_ela.attention.insertion import Build, insert
from yolox_ela.hosts.sites import sites

VOC_CLASSES_AND_BACKGROUND = 21


def deeplabv3(
    attention: Build | None = None,
    *,
    num_classes: int = VOC_CLASSES_AND_BACKGROUND,
    weights_backbone: Any = None,
    identity_start: bool = False,
) -> DeepLabV3:
    """torchvision's DeepLabV3-ResNet50 at output stride 16, without an auxiliary head.

    (N, 3, H, W) normalised RGB -> {"out": logits (N, classes, H, W)}.

    Args:
        attention: builds the module for a number of channels, for all 16 Bottlenecks; None for the
            plain network.
        num_classes: number of classes with the background.
        weights_backbone: torchvision's pretrained weights of ResNet-50, or None.
        identity_start: whether the modules start as the identity, for pretrained weights.
    """
    resnet = resnet50(
        weights=weights_backbone, replace_stride_with_dilation=[False, False, True]
    )  # torchvision's own function dilates layer3 too, for output stride 8
    model = DeepLabV3(
        IntermediateLayerGetter(resnet, {"layer4": "out"}),
        DeepLabHead(2048, num_classes, atrous_rates=(6, 12, 18)),
    )
    if attention is None:
        return model
    return insert(model, sites("deeplabv3"), attention, identity_start=identity_start)
