"""torchvision's Faster R-CNN, Mask R-CNN and RetinaNet (ResNet-50 FPN) with attention inside.

These are the detectors in which ECA-Net (arXiv 1910.03151, section 4.3) was tried; any other module
goes into the same sites. Calls, targets and results are torchvision's. The modules are at
`backbone.attention`.
"""

from collections.abc import Sequence
from typing import Any

from torchvision.models.detection import (
    FasterRCNN,
    MaskRCNN,
    RetinaNet,
    fasterrcnn_resnet50_fpn,
    maskrcnn_resnet50_fpn,
    retinanet_resnet50_fpn,
)

from yolox_ela.attention.insertion import Build, insert
from yolox_ela.attention.site_maps import Site
from yolox_ela.hosts.sites import SITES, under

ECA_NETS = SITES["eca_resnet50"]


def faster_rcnn(
    attention: Build | None = None,
    *,
    sites: Sequence[Site | tuple[Site, ...]] = ECA_NETS,
    identity_start: bool = False,
    **options: Any,
) -> FasterRCNN:
    """Faster R-CNN with attention in its ResNet-50.

    Args:
        attention: builds the module for a number of channels; None for the plain network.
        sites: sites of ResNet-50; by default those of ECA-Net, in all 16 Bottlenecks.
            `SITES["resnet50"]` has those of the ELA paper.
        identity_start: whether the modules start as the identity, for pretrained weights.
        options: those of torchvision's function, such as `weights_backbone` and `num_classes`.
    """
    return _attend(fasterrcnn_resnet50_fpn(**options), attention, sites, identity_start)


def mask_rcnn(
    attention: Build | None = None,
    *,
    sites: Sequence[Site | tuple[Site, ...]] = ECA_NETS,
    identity_start: bool = False,
    **options: Any,
) -> MaskRCNN:
    """Mask R-CNN with attention in its ResNet-50; the arguments are those of `faster_rcnn`."""
    return _attend(maskrcnn_resnet50_fpn(**options), attention, sites, identity_start)


def retinanet(
    attention: Build | None = None,
    *,
    sites: Sequence[Site | tuple[Site, ...]] = ECA_NETS,
    identity_start: bool = False,
    **options: Any,
) -> RetinaNet:
    """RetinaNet with attention in its ResNet-50; the arguments are those of `faster_rcnn`."""
    return _attend(retinanet_resnet50_fpn(**options), attention, sites, identity_start)


def _attend(
    model: Any,
    attention: Build | None,
    sites: Sequence[Site | tuple[Site, ...]],
    identity_start: bool,
) -> Any:
    if attention is not None:
        # The backbone alone, which finds the channels without the cost of the whole detector.
        insert(model.backbone, under("body", sites), attention, identity_start=identity_start)
    return model
