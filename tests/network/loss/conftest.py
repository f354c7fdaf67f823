"""Predictions and objects for the loss, and what upstream's loop makes of them."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from yolox_ela.network.head import Head
from yolox_ela.network.loss.anchors import Anchors, decode, encode
from yolox_ela.network.loss.assignment import Assignment

STRIDES = (8, 16, 32)


class Case(NamedTuple):
    """What the loss is given; `raw` is what the network says before boxes are decoded."""

    raw: Tensor
    anchors: Anchors
    targets: Tensor

    @property
    def predictions(self) -> Tensor:
        return decode(self.raw, self.anchors.cells, self.anchors.strides)


def grid(height: int, width: int) -> Anchors:
    levels = [
        torch.tensor([(x, y, s) for y in range(height // s) for x in range(width // s)])
        for s in STRIDES
    ]
    every = torch.cat(levels).float()
    return Anchors(every[:, :2], every[:, 2:], len(STRIDES))


@pytest.fixture(scope="session")
def build_case():
    """A case from a list of images, each a list of rows (class, centre x, centre y, w, h).

    Half of the anchors predict about the box of an object in their image, so that there are good
    overlaps to choose from.
    """

    def build(images, size=(96, 160), classes=20, scale=2.0, seed=0):
        generator = torch.Generator().manual_seed(seed)
        anchors = grid(*size)
        targets = torch.zeros(len(images), max(1, *map(len, images)), 5)
        raw = scale * torch.randn(len(images), len(anchors.cells), 5 + classes, generator=generator)
        raw[..., 2:4] /= scale
        for row, output, objects in zip(targets, raw, images, strict=True):
            if not len(objects):
                continue
            row[: len(objects)] = torch.as_tensor(objects)
            anyone = torch.randint(len(objects), (len(output),), generator=generator)
            boxes = encode(row[anyone, 1:], anchors.cells, anchors.strides)
            noise = 0.2 * torch.randn(boxes.shape, generator=generator)
            trained = torch.rand(len(output), 1, generator=generator) < 0.5
            output[:, :4] = torch.where(trained, boxes + noise, output[:, :4])
        return Case(raw, anchors, targets)

    return build


@pytest.fixture(scope="session")
def random_objects():
    """`count` rows of objects of all sizes, with centres up to `beyond` pixels outside."""

    def generate(count, size=(96, 160), classes=20, beyond=0.0, seed=0):
        generator = torch.Generator().manual_seed(seed)
        height, width = size
        uniform = torch.rand(count, 4, generator=generator)
        labels = torch.randint(classes, (count, 1), generator=generator)
        area = torch.tensor([width, height])
        centres = uniform[:, :2] * (area + 2 * beyond) - beyond
        return torch.cat([labels, centres, uniform[:, 2:] ** 2 * area + 0.5], dim=1)

    return generate


@pytest.fixture
def first_of_ties(monkeypatch):
    """Make upstream's choice among equal costs certain: the first, as on CUDA.

    On the CPU `torch.topk` leaves it to what the sorting does to the order.
    """

    def topk(x, k, dim=-1, largest=True):
        values, places = x.sort(dim=dim, descending=largest, stable=True)
        return values.narrow(dim, 0, int(k)), places.narrow(dim, 0, int(k))

    monkeypatch.setattr(torch, "topk", topk)


@pytest.fixture(scope="session")
def loop_assign():
    """Upstream's assignment, image by image, in the form of ours."""

    def assign(case):
        cells, strides, _ = case.anchors
        predictions = case.predictions.detach()
        batch, count, channels = predictions.shape
        head = build_head(channels - 5)
        found = Assignment(
            torch.zeros(batch, count, dtype=torch.bool),
            torch.zeros(batch, count, dtype=torch.int64),
            predictions.new_zeros(batch, count),
        )
        for image, targets in enumerate(case.targets):
            num_objects = int((targets.sum(dim=1) > 0).sum())
            if num_objects == 0:
                continue
            _, foreground, ious, objects, _ = head.get_assignments(
                image,
                num_objects,
                targets[:num_objects, 1:],
                targets[:num_objects, 0],
                predictions[image, :, :4],
                strides.T,
                cells.T[:1],
                cells.T[1:],
                predictions[..., 5:],
                predictions[..., 4:5],
            )
            found.foreground[image] = foreground
            found.objects[image, foreground] = objects
            found.ious[image, foreground] = ious
        return found

    return assign


@pytest.fixture(scope="session")
def loop_loss():
    """Upstream's six losses."""

    def loss(case, l1=True):
        cells, strides, _ = case.anchors
        head = build_head(case.raw.shape[2] - 5)
        head.use_l1 = l1
        return head.get_losses(
            None,
            [cells.T[:1]],
            [cells.T[1:]],
            [strides.T],
            case.targets,
            case.predictions,
            [case.raw[..., :4]],
            case.raw.dtype,
        )

    return loss


def build_head(classes: int) -> Head:
    return Head(classes, width=1 / 64, depthwise=True).train()
