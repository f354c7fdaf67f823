"""The decoder of YOLOF, arXiv 2103.09460, section 4.1: class scores and boxes for each anchor."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from yolox_ela.hosts.yolof.encoder import WIDTH

PRIOR = 0.01  # the probability of each class with which an untrained network starts


class Decoder(nn.Module):
    """(N, 512, H, W) -> class logits (N, H W A, classes) and box deltas (N, H W A, 4).

    The anchors of one place stand together, places row by row, as in `boxes.anchor_boxes`.

    Args:
        num_classes: number of classes.
        anchors: A, the number of anchors at each place.
    """

    def __init__(self, num_classes: int, anchors: int) -> None:
        super().__init__()
        self.cls_subnet = _convs(2)
        self.box_subnet = _convs(4)
        self.cls_score = nn.Conv2d(WIDTH, anchors * num_classes, 3, padding=1)
        self.box_pred = nn.Conv2d(WIDTH, anchors * 4, 3, padding=1)
        self.object_pred = nn.Conv2d(WIDTH, anchors, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        assert self.cls_score.bias is not None
        # With objectness at 1/2, this gives each class a score of PRIOR.
        nn.init.constant_(self.cls_score.bias, -math.log(1 / (2 * PRIOR) - 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from the encoder's map."""
        boxes = self.box_subnet(x)
        classes = _per_anchor(self.cls_score(self.cls_subnet(x)), self.object_pred.out_channels)
        deltas, objects = (
            _per_anchor(p(boxes), self.object_pred.out_channels)
            for p in (self.box_pred, self.object_pred)
        )
        return joint_logits(classes.float(), objects.float()), deltas


def joint_logits(classes: Tensor, objects: Tensor) -> Tensor:
    """The logit of sigmoid(classes) * sigmoid(objects), without under- or overflow.

    Objectness has no loss of its own; it is learned through the classes ("implicit").

    Args:
        classes: logits (..., classes).
        objects: logits (..., 1).
    """
    # p = s(c) s(o) has the logit c + o - log(1 + exp c + exp o).
    return classes + objects - F.softplus(classes).logaddexp(objects)


def _per_anchor(x: Tensor, anchors: int) -> Tensor:
    """(N, A V, H, W) -> (N, H W A, V)."""
    n, _, h, w = x.shape
    return x.reshape(n, anchors, -1, h, w).permute(0, 3, 4, 1, 2).reshape(n, h * w * anchors, -1)


def _convs(count: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(count):
        conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(WIDTH), nn.ReLU()]
    return nn.Sequential(*layers)
