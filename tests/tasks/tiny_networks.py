"""Networks of each task that train in a moment, with attention at one site."""

import torch
from torch import nn

from yolox_ela.attention import insert
from yolox_ela.hosts.yolof.boxes import SIDES, anchor_boxes, decode
from yolox_ela.hosts.yolof.loss import yolof_loss


def body(width, stride):
    layers = [nn.Conv2d(3, width, 3, stride=stride, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout2d(0.1))


def halving(width):
    conv = nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)
    return conv, nn.BatchNorm2d(width), nn.ReLU()


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer4 = body(32, 4)
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        return self.fc(self.layer4(x).mean((2, 3)))


class Segmenter(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = body(32, 1)
        self.classifier = nn.Conv2d(32, classes, 1)

    def forward(self, x):
        return {"out": self.classifier(self.backbone(x))}


class Detector(nn.Module):
    """Five strides of 2, so that a place sees the whole of an object."""

    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(
            body(32, 2), *(layer for _ in range(4) for layer in halving(32))
        )
        self.decoder = nn.Conv2d(32, len(SIDES) * (classes + 4), 1)
        nn.init.normal_(self.decoder.weight, std=0.01)
        nn.init.constant_(self.decoder.bias, 0.0)

    def forward(self, images, targets=None):
        out = self.decoder(self.backbone(images))
        n, _, height, width = out.shape
        out = out.permute(0, 2, 3, 1).reshape(n, height * width * len(SIDES), -1)
        anchors = anchor_boxes(height, width, 32, images.device)
        boxes, logits = decode(out[..., :4], anchors), out[..., 4:].float()
        return (logits, boxes) if targets is None else yolof_loss(logits, boxes, anchors, targets)


def built(kind, site, attention, num_classes, identity_start):
    model = kind(num_classes)
    if attention is not None:
        example = torch.zeros(1, 3, 32, 32)
        insert(model, [site], attention, identity_start=identity_start, example=example)
    return model


def classifier(attention=None, *, num_classes, identity_start=False):
    return built(Classifier, "layer4", attention, num_classes, identity_start)


def segmenter(attention=None, *, num_classes, identity_start=False):
    return built(Segmenter, "backbone", attention, num_classes, identity_start)


def detector(attention=None, *, num_classes, identity_start=False):
    return built(Detector, "backbone", attention, num_classes, identity_start)
