"""YOLOF's anchors, boxes, matching, loss and detections, beside plain derivations."""

import itertools

import pytest
import torch
from torch import Tensor

from yolox_ela.hosts.yolof import detections
from yolox_ela.hosts.yolof.boxes import SIDES, anchor_boxes, decode
from yolox_ela.hosts.yolof.decoder import Decoder, joint_logits
from yolox_ela.hosts.yolof.loss import yolof_loss
from yolox_ela.hosts.yolof.matching import BACKGROUND, IGNORED, match

CPU = torch.device("cpu")


def corners(anchors: Tensor) -> Tensor:
    centre, side = anchors.split(2, 1)
    return torch.cat([centre - side / 2, centre + side / 2], 1)


def test_anchors_place_by_place():
    anchors = anchor_boxes(2, 3, 32, CPU).tolist()
    places = itertools.product((16, 48), (16, 48, 80), SIDES)
    assert anchors == [[x, y, side, side] for y, x, side in places]


def test_decoded_boxes():
    anchors = torch.tensor([[100.0, 60.0, 32.0, 32.0], [100.0, 60.0, 512.0, 512.0]])
    deltas = torch.tensor([[[0.5, -0.25, 0.0, 0.6931472], [0.5, -0.01, 0.0, 100.0]]])
    near, far = decode(deltas, anchors)[0]
    assert near.tolist() == pytest.approx([100, 20, 132, 84])  # centre 116, 52; 32 wide, 64 high
    # The shift of 256 pixels is cut to 32, and the height to 62.5 times the anchor's.
    centre = ((far[:2] + far[2:]) / 2).tolist()
    assert centre == pytest.approx([132, 60 - 5.12], abs=1e-2)
    assert (far[2:] - far[:2]).tolist() == pytest.approx([512, 512 * 62.5])


def test_scores_are_products():
    classes, objects = torch.randn(4, 6, 3) * 4, torch.randn(4, 6, 1) * 4
    expected = classes.sigmoid() * objects.sigmoid()
    torch.testing.assert_close(joint_logits(classes, objects).sigmoid(), expected)
    extreme = joint_logits(torch.tensor([-200.0, 200.0]), torch.tensor([200.0]))
    assert extreme.isfinite().all()


def test_the_decoder_orders_as_the_anchors():
    """A bias for each anchor of a place shows where it ends up; scores start at 1%."""
    decoder = Decoder(num_classes=2, anchors=5).eval()
    with torch.no_grad():
        decoder.box_pred.bias.copy_(torch.arange(20.0))
        decoder.box_pred.weight.zero_()
        logits, deltas = decoder(torch.randn(1, 512, 2, 3) * 0.01)
    assert deltas.shape == (1, 30, 4)
    assert deltas[0].tolist() == [[4.0 * a + i for i in range(4)] for a in range(5)] * 6
    assert logits.sigmoid().mean().item() == pytest.approx(0.01, rel=0.05)


def slow_match(predicted, anchors, boxes, labels):
    """By sorting, one object and one prediction after the other."""

    def middle(box):
        x1, y1, x2, y2 = box
        return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]

    def iou(a, b):
        w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
        h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
        both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
        return w * h / (both - w * h)

    pairs, ignored = [], set()
    for g, box in enumerate(boxes):
        for candidates in (predicted, anchors):
            distances = [
                sum(abs(p - q) for p, q in zip(middle(c), middle(box), strict=True))
                for c in candidates
            ]
            for i in sorted(range(len(distances)), key=distances.__getitem__)[:4]:
                if iou(anchors[i], box) >= 0.15:
                    pairs.append((i, g))
                else:
                    ignored.add(i)
    for i, box in enumerate(predicted):
        if max(iou(box, other) for other in boxes) > 0.7:
            ignored.add(i)
    classes = {i: {labels[g] for j, g in pairs if j == i} for i, _ in pairs}
    return sorted(pairs), ignored - set(classes), classes


@pytest.mark.parametrize("seed", range(5))
def test_matching_by_a_slow_derivation(seed):
    generator = torch.Generator().manual_seed(seed)
    anchors = anchor_boxes(4, 5, 32, CPU)
    anchors += torch.rand(anchors.shape, generator=generator)  # a grid has equal distances
    predicted = decode(torch.randn(1, len(anchors), 4, generator=generator) * 0.3, anchors)[0]
    centre = torch.rand(4, 2, generator=generator) * 128
    boxes = corners(torch.cat([centre, 6 + 150 * torch.rand(4, 2, generator=generator)], 1))
    boxes[0] = predicted[15]  # one prediction is right
    labels = torch.tensor([0, 1, 2, 3])
    found = match(predicted, corners(anchors), boxes, labels)
    pairs, ignored, classes = slow_match(
        predicted.tolist(), corners(anchors).tolist(), boxes.tolist(), labels.tolist()
    )
    assert sorted(zip(found.predictions.tolist(), found.objects.tolist(), strict=True)) == pairs
    assert {i for i, label in enumerate(found.labels) if label == IGNORED} == ignored
    positive = {i: label.item() for i, label in enumerate(found.labels) if label >= 0}
    assert positive.keys() == classes.keys()
    assert all(label in classes[i] for i, label in positive.items())
    assert (found.labels == BACKGROUND).sum() == len(anchors) - len(ignored) - len(positive)


def test_the_loss_with_and_without_objects():
    anchors = anchor_boxes(2, 2, 32, CPU)
    predicted = corners(anchors)[None].expand(2, -1, -1).clone().requires_grad_()
    logits = torch.full((2, len(anchors), 3), -3.0, requires_grad=True)
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    one = {"boxes": corners(anchors)[:1], "labels": torch.tensor([2])}
    empty = yolof_loss(logits, predicted, anchors, [nothing, nothing])
    # Focal loss of background at p = sigmoid(-3): 0.75 p^2 (-log(1 - p)), for each class.
    p = torch.tensor(-3.0).sigmoid()
    expected = 2 * len(anchors) * 3 * 0.75 * p**2 * -torch.log(1 - p)
    assert empty["cls_loss"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert empty["box_loss"].item() == 0
    losses = yolof_loss(logits, predicted, anchors, [one, nothing])
    losses["total_loss"].backward()
    assert logits.grad[0, 0, 2] < 0, "the right class of the right anchor is to grow"
    assert predicted.grad[1].abs().sum() == 0
    assert losses["total_loss"].item() == pytest.approx(
        losses["cls_loss"].item() + losses["box_loss"].item()
    )


def test_detections():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 1, 10, 10], [50, 50, 130, 60], [20, 20, 30, 30]])
    logits = torch.full((1, 4, 2), -9.0)
    logits[0, 0, 0], logits[0, 1, 0], logits[0, 1, 1] = 3.0, 2.0, 1.0
    logits[0, 2, 1] = 2.5
    (found,) = detections(logits, boxes[None], (100, 100))
    assert found["labels"].tolist() == [0, 1, 1]
    # The second box of class 0 overlaps the first; the third is cut to the image.
    assert found["boxes"].tolist() == [[0, 0, 10, 10], [50, 50, 100, 60], [0, 1, 10, 10]]
    assert found["scores"].tolist() == pytest.approx(
        torch.tensor([3.0, 2.5, 1.0]).sigmoid().tolist()
    )
