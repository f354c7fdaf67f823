"""A module that cannot work is named with its file, site and shape before any image is read."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from yolox_ela.attention import SE, ela_s
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment

SHAPE = re.escape("(2, 64, 4, 5)")  # at dark3, for inputs of 32 pixels


class Broken(nn.Module):
    """Attention with a weight that answers with whatever its function makes of its map."""

    def __init__(self, channels, answer):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.answer = answer

    def forward(self, x):
        return self.answer(self, x * self.scale, x)


def in_evaluation_mode(module, y, x):
    return y if module.training else (y, y)


def width_as_height(module, y, x):
    """The common mistake with the gate of the columns, which square maps do not show."""
    return y * x.mean(2)[:, :, :, None]


def changed_in_place(module, y, x):
    return x.mul_(module.scale)


def gradient_of_changed(module, y, x):
    square = x * x
    x.add_(1)
    return square


def fails(module, y, x):
    raise RuntimeError("no such thing")


KINDS = {
    "tuple": (lambda m, y, x: (y, x), "returns a tuple"),
    "nothing": (lambda m, y, x: None, "returns a NoneType"),
    "number": (lambda m, y, x: 1.0, "returns a float"),
    "channels": (lambda m, y, x: y[:, :32], r"of shape \(2, 32, 4, 5\)"),
    "side": (lambda m, y, x: y[:, :, ::2, ::2], r"of shape \(2, 64, 2, 3\)"),
    "pooled": (lambda m, y, x: y.mean((2, 3)), r"of shape \(2, 64\)"),
    "batch": (lambda m, y, x: y[:1], r"of shape \(1, 64, 4, 5\)"),
    "double": (lambda m, y, x: y.double(), "of dtype torch.float64"),
    "half": (lambda m, y, x: y.half(), "of dtype torch.float16"),
    "device": (lambda m, y, x: y.to("meta"), "of device meta"),
    "raising": (fails, "fails for .* RuntimeError: no such thing"),
    "mixed up": (width_as_height, "fails for .* RuntimeError: The size of tensor"),
    "not finite": (lambda m, y, x: y / 0, "values that are not finite"),
    "detached": (lambda m, y, x: y.detach(), "lets no gradient through"),
    "without input": (lambda m, y, x: m.scale.expand_as(x) * 1, "lets no gradient through"),
    "numpy": (lambda m, y, x: torch.from_numpy(y.numpy()), "fails for"),
    "in place": (changed_in_place, "changes its input in place"),
    "in evaluation": (in_evaluation_mode, "returns in evaluation mode a tuple"),
}
LAYERS = {
    "BatchNorm1d": (nn.BatchNorm1d, "fails for .* ValueError: expected 2D or 3D input"),
    "lazy": (lambda channels: nn.LazyConv2d(64, 1), "lazy layers"),
    "torch's own": (lambda channels: nn.Flatten(), r"returns a tensor of shape \(2, 1280\)"),
}


def broken(answer):
    return lambda channels: Broken(channels, answer)


def build(attention, **settings):
    return Experiment(attention=attention, image_size=32, **settings).build_model()


@pytest.mark.parametrize("kind", [*KINDS, *LAYERS])
def test_broken_modules(kind):
    if kind in KINDS:
        answer, message = KINDS[kind]
        attention, name = broken(answer), "Broken"
    else:
        attention, message = LAYERS[kind]
        name = r"\w+"
    with pytest.raises(UserError, match=message) as raised:
        build(attention)
    said = str(raised.value)
    assert re.search(rf"attention {name} .*at site dark3 of YOLOX-Nano", said), said
    if kind not in ("lazy", "in place"):
        assert re.search(SHAPE, said), said
    if kind != "BatchNorm1d":  # whose class and builder are torch's
        assert "(test_dry_run.py:" in said


def test_a_rectangular_input_is_tried_at_its_shape():
    """32 x 64 pixels are 4 x 8 cells at stride 8; a map that would be square is one wider."""
    answer = broken(lambda m, y, x: y[:, :1])
    with pytest.raises(UserError, match=r"for a map of shape \(2, 64, 4, 8\)"):
        Experiment(attention=answer, image_size=(32, 64)).build_model()
    with pytest.raises(UserError, match=r"for a map of shape \(2, 64, 4, 12\)"):
        Experiment(attention=answer, image_size=(64, 192), multiscale=0.5).build_model()


def test_channels_that_do_not_divide():
    with pytest.raises(UserError, match=r"at site dark3 of YOLOX-S: .*SE: 128 channels .*divisor"):
        build(lambda channels: SE(channels, reduction=48), size="s")


def test_in_place_where_autograd_allows_it():
    """Nothing but the module takes the maps of the neck's concatenations."""
    attention = broken(lambda m, y, x: x.mul_(m.scale))
    assert build(attention, sites=("C3_p4", "dark5")).backbone.site_keys
    with pytest.raises(UserError, match="gradient fails: one of the variables"):
        build(broken(gradient_of_changed), sites=("C3_p4",))


class Counting(nn.Module):
    """Keeps a running mean, counts its calls and samples random numbers."""

    def __init__(self, channels):
        super().__init__()
        self.norm, self.calls = nn.BatchNorm2d(channels), 0

    def forward(self, x):
        self.calls += 1
        return self.norm(x) * (1 + torch.rand(1) + float(np.random.rand()))  # noqa: NPY002


def test_nothing_changes():
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    model = build(Counting)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    for module in model.backbone.attention.values():
        assert module.calls == 0
        assert module.training
        assert module.norm.num_batches_tracked == 0
        assert not module.norm.running_mean.any()
        assert module.norm.weight.grad is None


def test_working_modules_pass():
    assert len(build(ela_s).backbone.attention) == 7
    assert len(build(lambda channels: nn.Identity()).backbone.attention) == 7
    assert len(build(ela_s, share_sites=True).backbone.attention) == 3
