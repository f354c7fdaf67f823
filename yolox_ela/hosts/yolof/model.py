"""The network YOLOF-ResNet50, the paper's detector of Table 6."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from yolox_ela.attention.insertion import Build, insert
from yolox_ela.hosts.sites import sites
from yolox_ela.hosts.yolof.backbone import CHANNELS, STRIDE, ResNet50C5
from yolox_ela.hosts.yolof.boxes import SIDES, anchor_boxes, decode
from yolox_ela.hosts.yolof.decoder import Decoder
from yolox_ela.hosts.yolof.encoder import DilatedEncoder
from yolox_ela.hosts.yolof.loss import Target, yolof_loss

COCO_CLASSES = 80


class YOLOF(nn.Module):
    """YOLOF-ResNet50: images (N, 3, H, W), RGB, normalised by ImageNet's mean and deviation.

    Args:
        num_classes: number of classes, without a background.
        weights_backbone: torchvision's pretrained weights of ResNet-50, or None.
        train_batchnorm: whether the backbone's BatchNorm is trained, which random weights need.
    """

    def __init__(
        self,
        num_classes: int = COCO_CLASSES,
        weights_backbone: Any = None,
        *,
        train_batchnorm: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = ResNet50C5(weights_backbone, train_batchnorm=train_batchnorm)
        self.encoder = DilatedEncoder(CHANNELS)
        self.decoder = Decoder(num_classes, len(SIDES))

    def forward(
        self, images: Tensor, targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | tuple[Tensor, Tensor]:
        """Losses if there are targets, otherwise predictions.

        Args:
            images: (N, 3, H, W).
            targets: see `yolof_loss`.

        Returns:
            The losses of `yolof_loss`; or logits (N, A, classes) and boxes (N, A, 4)
            x1, y1, x2, y2 in pixels, of which `detections` makes objects.
        """
        features = self.encoder(self.backbone(images))
        logits, deltas = self.decoder(features)
        height, width = features.shape[2:]
        anchors = anchor_boxes(height, width, STRIDE, images.device)
        boxes = decode(deltas, anchors)
        return (logits, boxes) if targets is None else yolof_loss(logits, boxes, anchors, targets)


def yolof(
    attention: Build | None = None,
    *,
    num_classes: int = COCO_CLASSES,
    weights_backbone: Any = None,
    identity_start: bool = False,
    train_batchnorm: bool = False,
) -> YOLOF:
    """YOLOF-ResNet50 with attention at 5 sites; see `sites.SITES`.

    Args:
        attention: builds the module for a number of channels; None for the plain network.
        num_classes: number of classes, without a background.
        weights_backbone: torchvision's pretrained weights of ResNet-50, or None.
        identity_start: whether the modules start as the identity, for pretrained weights.
        train_batchnorm: whether the backbone's BatchNorm is trained, which random weights need.
    """
    model = YOLOF(num_classes, weights_backbone, train_batchnorm=train_batchnorm)
    if attention is None:
        return model
    return insert(model, sites("yolof"), attention, identity_start=identity_start)
