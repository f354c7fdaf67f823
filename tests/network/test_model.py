"""The network: upstream's without attention, and attention at seven sites and nowhere else."""

import pytest
import torch
from torch import nn
from yolox import config

from yolox_ela.attention import CA, CBAM, ECA, SA, SE, CAGroupNorm, ela_b, ela_l, ela_s, ela_t
from yolox_ela.network.model import build_yolox
from yolox_ela.sizes import SIZES

# Where the paper's networks have attention: channels and stride of the map.
SITES = {
    "dark3": (64, 8),
    "dark4": (128, 16),
    "dark5": (256, 32),
    "C3_p4": (256, 16),
    "C3_p3": (128, 8),
    "C3_n3": (128, 16),
    "C3_n4": (256, 32),
}
ATTENTION = [SE, CBAM, ECA, SA, CA, CAGroupNorm, ela_t, ela_b, ela_s, ela_l]


def build(attention=None, classes=20):
    torch.manual_seed(0)
    return build_yolox(classes, attention)


def build_upstream(classes=20):
    settings = config.YoloxNano()
    settings.num_classes = classes
    torch.manual_seed(0)
    return settings.get_model()


def pictures(n=2, h=96, w=160) -> torch.Tensor:
    return 255 * torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(1))


def objects() -> torch.Tensor:
    """Class, centre and size of three objects in the first picture and one in the second."""
    first = [[3, 24, 24, 8, 8], [5, 80, 48, 16, 16], [14, 96, 64, 32, 32]]
    second = [[19, 80, 48, 140, 90], [0] * 5, [0] * 5]
    return torch.tensor([first, second], dtype=torch.float32)


@pytest.mark.parametrize("classes", [20, 80, 1])
def test_baseline_is_upstream_bit_for_bit(classes):
    ours, upstream = build(classes=classes), build_upstream(classes)
    mine, theirs = ours.state_dict(), upstream.state_dict()
    assert list(mine) == list(theirs)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    ours.eval(), upstream.eval()
    with torch.no_grad():
        assert torch.equal(ours(pictures()), upstream(pictures()))


def filled(model):
    """The network with any weights, which are cheaper to make than upstream's initial ones."""
    model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.uniform_(0 if name.endswith("running_var") else -0.05, 0.05, generator=generator)
        else:
            tensor.zero_()
    return model.eval()


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_upstreams(size):
    """The same names and shapes, and with the same weights the same numbers, bit for bit."""
    settings = getattr(config, f"Yolox{size.capitalize()}")()
    settings.num_classes = 20
    with torch.device("meta"):
        ours, upstream = build_yolox(20, size=size), settings.get_model()
    mine, theirs = ours.state_dict(), upstream.state_dict()
    assert list(mine) == list(theirs)
    assert [t.shape for t in mine.values()] == [t.shape for t in theirs.values()]
    norms = [
        [(m.eps, m.momentum) for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        for model in (ours, upstream)
    ]
    assert norms[0] == norms[1]
    if size == "x":
        return  # 99 million weights; it is L with more of the same
    upstream.load_state_dict(filled(ours).state_dict(), assign=True)
    with torch.no_grad():
        assert torch.equal(ours(pictures(1, 64, 64)), upstream.eval()(pictures(1, 64, 64)))


@pytest.mark.parametrize("size", SIZES)
def test_sites_have_the_channels_of_their_maps(size):
    """And every module can be built for them."""
    seen = set()
    with torch.device("meta"):
        model = build_yolox(20, Doubler, size=size).eval()
        model.backbone(torch.zeros(1, 3, 64, 64))
        for site, module in model.backbone.attention.items():
            assert module.seen[0].shape[1] == module.channels == model.backbone.channels[site]
            seen.add(module.channels)
        assert len(model.backbone.attention) == 7
        for channels in seen:
            assert all(attention(channels) is not None for attention in ATTENTION)


@pytest.mark.parametrize("shared", [False, True])
def test_sites_can_be_chosen(shared):
    """In any order, with the same result: a module is built in the network's order."""
    chosen = [("dark5", "C3_p4", "C3_n3"), ("C3_n3", "dark5", "C3_p4")]
    torch.manual_seed(0)
    one = build_yolox(20, ela_s, sites=chosen[0], share_sites=shared)
    torch.manual_seed(0)
    other = build_yolox(20, ela_s, sites=chosen[1], share_sites=shared)
    keys = ["width256", "width128"] if shared else list(chosen[0])
    assert list(one.backbone.attention) == keys
    assert list(one.backbone.site_keys) == list(chosen[0])
    mine, theirs = one.state_dict(), other.state_dict()
    assert list(mine) == list(theirs)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    seen = []
    for module in one.backbone.attention.values():
        module.register_forward_hook(lambda m, args, out: seen.append(tuple(args[0].shape[1:])))
    one.eval()(pictures(1, 64, 64))
    assert seen == [(256, 2, 2), (256, 4, 4), (128, 4, 4)], "a shared one at its chosen sites alone"


@pytest.mark.parametrize("l1", [False, True], ids=["no L1", "L1"])
def test_losses_are_upstreams(l1):
    ours, upstream = build().train(), build_upstream().train()
    ours.head.use_l1 = upstream.head.use_l1 = l1
    mine, theirs = ours(pictures(), objects()), upstream(pictures(), objects())
    assert mine.keys() - theirs.keys() == {"foreground"}
    assert mine["foreground"] == round(theirs["num_fg"] * 4), "four objects"
    for name in theirs:
        assert mine[name] == theirs[name], name
    assert (mine["l1_loss"] > 0) == l1
    # The forward passes moved the running statistics; their values follow upstream's too.
    mine, theirs = ours.state_dict(), upstream.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("attention", ATTENTION, ids=lambda build: build.__name__)
def test_attention_only_adds(attention):
    """Weights of the baseline stay under their names with their initial values."""
    baseline, model = build().state_dict(), build(attention).state_dict()
    assert baseline.keys() < model.keys()
    assert all(torch.equal(model[name], baseline[name]) for name in baseline)
    added = {name.split(".")[2] for name in model.keys() - baseline.keys()}
    assert added == set(SITES)
    assert all(n.startswith("backbone.attention.") for n in model.keys() - baseline.keys())


def test_sites_do_not_share_weights():
    model = build(ela_s)
    sites = model.backbone.attention
    assert {name: module.gate_h[0].in_channels for name, module in sites.items()} == {
        name: channels for name, (channels, _) in SITES.items()
    }
    pointers = [p.data_ptr() for p in sites.parameters()]
    assert len(set(pointers)) == len(pointers)


class Doubler(nn.Module):
    """Remembers what it is given and answers with twice that."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return 2 * x


def test_every_site_acts_once_at_its_place():
    """Each site takes what its stage or concatenation gives, and its answer goes on from there."""
    model = build(Doubler).eval()
    neck, arrived = model.backbone, {}
    neck.backbone.register_forward_hook(lambda module, args, out: arrived.update(out))
    for name in ("lateral_conv0", "C3_p4", "C3_p3", "C3_n3", "C3_n4"):
        getattr(neck, name).register_forward_pre_hook(
            lambda module, args, name=name: arrived.update({name: args[0]})
        )
    h, w = 64, 96
    with torch.no_grad():
        model(pictures(2, h, w))
    seen = {}
    for site, (channels, stride) in SITES.items():
        module = neck.attention[site]
        assert module.channels == channels, site
        assert len(module.seen) == 1, f"{site} acts {len(module.seen)} times"
        seen[site] = module.seen[0]
        assert seen[site].shape == (2, channels, h // stride, w // stride), site
    # What the backbone hands over reaches its site, and leaves it for the neck.
    for stage in ("dark3", "dark4", "dark5"):
        assert torch.equal(seen[stage], arrived[stage])
    assert torch.equal(arrived["lateral_conv0"], 2 * seen["dark5"])
    assert torch.equal(seen["C3_p4"][:, 128:], 2 * seen["dark4"])
    assert torch.equal(seen["C3_p3"][:, 64:], 2 * seen["dark3"])
    for layer in ("C3_p4", "C3_p3", "C3_n3", "C3_n4"):
        assert torch.equal(arrived[layer], 2 * seen[layer])


def test_attention_that_does_nothing_changes_nothing():
    with torch.no_grad():
        expected = build().eval()(pictures())
        assert torch.equal(build(lambda channels: nn.Identity()).eval()(pictures()), expected)


def test_sites_may_be_left_out():
    """A module for maps of 64 channels only: dark3."""
    model = build(lambda channels: SE(64) if channels == 64 else None)
    assert list(model.backbone.attention) == ["dark3"]
    with torch.no_grad():
        assert model.eval()(pictures()).isfinite().all()


@pytest.mark.parametrize("attention", [None, ela_s], ids=["nano", "ela_s"])
def test_autocast_computes_boxes_in_float32(attention):
    """bfloat16 has 8 bits, which would round a coordinate near 640 to 4 pixels."""
    model, features = build(attention).eval(), []
    model.backbone.register_forward_hook(lambda module, args, out: features.extend(out))
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            low = model(pictures(2, 640, 64))
        assert {f.dtype for f in features} == {torch.bfloat16}, "backbone and neck do autocast"
        expected = model.head([f.float() for f in features])
    assert low.dtype == torch.float32
    assert torch.equal(low, expected)
    centers = low[..., :2]
    assert (centers != centers.bfloat16().float()).float().mean() > 0.9


@pytest.mark.parametrize("attention", [None, ela_s], ids=["nano", "ela_s"])
def test_autocast_sums_losses_in_float32(attention):
    model, features = build(attention).train(), []
    model.head.use_l1 = True
    model.backbone.register_forward_hook(lambda module, args, out: features.extend(out))
    with torch.autocast("cpu", torch.bfloat16):
        losses = model(pictures(), objects())
    expected = model.head([f.float() for f in features], objects(), pictures())
    assert losses["total_loss"].dtype == torch.float32
    assert losses["total_loss"] == expected[0]
    losses["total_loss"].backward()
    assert all(p.grad.dtype == torch.float32 for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("attention", [None, *ATTENTION], ids=lambda b: getattr(b, "__name__", b))
def test_every_parameter_learns(attention):
    model = build(attention).train()
    if attention is SA:  # its weights start at 0, which stops the gradient of its own norm
        for name, parameter in model.backbone.attention.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter)
    # An untrained network predicts boxes as large as the stride, so these match at all levels.
    targets = [
        [i, x, y, stride, stride]
        for stride, x in ((8, 24), (16, 80), (32, 128))
        for i, y in enumerate((32, 64, 96, 128))
    ]
    model(pictures(1, 160, 160), torch.tensor([targets]).float())["total_loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_pictures_without_objects_train_too():
    """Only the objectness has something to learn, and nothing becomes infinite."""
    model = build(ela_s).train()
    losses = model(pictures(), torch.zeros(2, 1, 5))
    losses["total_loss"].backward()
    assert losses["total_loss"] > 0
    assert losses["iou_loss"] == losses["cls_loss"] == 0
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_broken_weights_give_a_broken_loss():
    """The training loop tells a diverged run by its loss; upstream crashes instead."""
    model = build().train()
    nn.init.constant_(model.head.cls_preds[0].weight, float("nan"))
    assert model(pictures(), objects())["total_loss"].isnan()
