"""The paper's other networks: attention at the right sites, and networks that run and learn."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet50 as torchvisions_resnet50

from yolox_ela.attention import ECA, Before, ela_s, insert
from yolox_ela.hosts import SITES, sites, under
from yolox_ela.hosts.classifiers import mobilenet_v2, resnet18, resnet50
from yolox_ela.hosts.detectors import faster_rcnn, mask_rcnn, retinanet
from yolox_ela.hosts.segmentation import deeplabv3
from yolox_ela.hosts.yolof import yolof


class Recorder:
    """Builds identities, and keeps the channels that were asked for."""

    def __init__(self):
        self.channels = []

    def __call__(self, channels):
        self.channels.append(channels)
        return nn.Identity()


@pytest.mark.parametrize(
    ("build", "modules", "total", "squares"),
    [
        (resnet18, 12, 2_880, 1_044_480),
        (resnet50, 5, 3_904, 5_574_656),
        (mobilenet_v2, 16, 7_104, 4_511_232),
        (yolof, 5, 4_096, 5_242_880),
        (deeplabv3, 16, 3_776, 1_257_472),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_sums_of_channels(build, modules, total, squares):
    """The number of modules, and the sums of C and of C^2 that the paper's tables give."""
    record = Recorder()
    with torch.device("meta"):
        model = build(record)
    assert len(record.channels) == modules
    assert sum(record.channels) == total
    assert sum(c * c for c in record.channels) == squares
    assert len(model.attention.site_keys) == (13 if build is resnet18 else modules)


def test_three_lines_for_torchvisions_resnet():
    with torch.device("meta"):
        model = insert(torchvisions_resnet50(), sites("resnet50"), ela_s)
        same = resnet50(ela_s)
    assert model.state_dict().keys() == same.state_dict().keys()
    assert sum(p.numel() for p in model.parameters()) == 25_721_000


def test_unknown_sites():
    with pytest.raises(ValueError, match=r"'resnet34'; there are resnet18, resnet50"):
        sites("resnet34")
    moved = under("body", [("relu", "layer1"), Before("conv")])
    assert moved == (("body.relu", "body.layer1"), Before("body.conv"))
    assert len(SITES["eca_resnet50"]) == 16


def test_deeplabv3_has_output_stride_16_and_one_head():
    with torch.device("meta"):
        model = deeplabv3().eval()
        image = torch.zeros(1, 3, 513, 513)
        assert model.backbone(image)["out"].shape == (1, 2048, 33, 33)
        out = model(image)
    assert {key: tuple(value.shape) for key, value in out.items()} == {"out": (1, 21, 513, 513)}


@pytest.mark.parametrize("build", [resnet18, mobilenet_v2], ids=lambda build: build.__name__)
def test_every_parameter_learns(build):
    torch.manual_seed(0)
    model = build(ela_s, num_classes=3)
    model(torch.randn(2, 3, 64, 64)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


BOX = torch.tensor([[8.0, 8.0, 40.0, 50.0]])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "attention", "options", "modules"),
    [
        (faster_rcnn, ECA, {}, 16),
        (mask_rcnn, ECA, {}, 16),
        (retinanet, ela_s, {"sites": SITES["resnet50"]}, 5),
    ],
    ids=["faster_rcnn", "mask_rcnn", "retinanet"],
)
def test_detectors_take_a_step(build, attention, options, modules):
    torch.manual_seed(0)
    model = build(
        attention, num_classes=3, weights=None, weights_backbone=None, min_size=64, max_size=96,
        **options,
    )  # fmt: skip
    assert len(model.backbone.attention) == modules
    masks = torch.zeros(1, 64, 64, dtype=torch.uint8)
    masks[:, 8:50, 8:40] = 1
    target = {"boxes": BOX, "labels": torch.tensor([1]), "masks": masks}
    loss = sum(model([torch.rand(3, 64, 64)] * 2, [target, target]).values())
    loss.backward()
    gradients = [p.grad for p in model.backbone.attention.parameters()]
    assert all(g is not None and g.isfinite().all() and g.any() for g in gradients)


@pytest.mark.slow
def test_yolof_learns_and_detects():
    torch.manual_seed(0)
    model = yolof(ela_s, num_classes=2)
    image = torch.randn(1, 3, 96, 128)
    target = [{"boxes": BOX, "labels": torch.tensor([1])}]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        loss = model(image, target)["total_loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.grad is not None for p in model.parameters())
    logits, boxes = model.eval()(image)
    assert logits.shape == (1, 3 * 4 * 5, 2)
    assert boxes.shape == (1, 3 * 4 * 5, 4)
