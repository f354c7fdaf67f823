"""Attention in networks that know nothing of it: where it acts, and that all else stays."""

import copy
import io
from functools import partial

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from yolox_ela.attention import ECA, SE, Before, ela_s, insert
from yolox_ela.attention.site_maps import maps_at

RESNET_SITES = [("relu", "layer1"), "layer2.0.bn2", "layer3", "layer4"]
SMALL = torch.zeros(1, 3, 64, 64)


class Half(nn.Module):
    """Multiplies a map by a parameter, 1/2 at first, and remembers its number of channels."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return x * self.factor

    def start_as_identity(self):
        nn.init.ones_(self.factor)


class Tiny(nn.Module):
    """One ReLU is called twice, one layer has no map, and one never runs."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(16), nn.ReLU()
        self.head, self.idle = nn.Linear(32, 5), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        x = self.relu(self.norm(self.conv1(x)))
        return self.head(self.relu(self.conv2(x)).mean((2, 3)))


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return Tiny()


def images(*shape):
    return torch.randn(shape or (2, 3, 16, 24), generator=torch.Generator().manual_seed(1))


def test_behind_a_submodule(tiny):
    x = images()
    inserted = insert(copy.deepcopy(tiny), ["norm", "conv2"], Half)
    a = torch.relu(0.5 * tiny.eval().norm(tiny.conv1(x)))
    expected = tiny.head(torch.relu(0.5 * tiny.conv2(a)).mean((2, 3)))
    torch.testing.assert_close(inserted.eval()(x), expected, rtol=0, atol=0)
    assert [half.channels for half in inserted.attention.values()] == [16, 32]


def test_before_a_submodule(tiny):
    """The map of a ReLU that is called twice, as in a Bottleneck."""
    x = images()
    inserted = insert(copy.deepcopy(tiny), [Before("conv2")], Half)
    a = 0.5 * torch.relu(tiny.eval().norm(tiny.conv1(x)))
    expected = tiny.head(torch.relu(tiny.conv2(a)).mean((2, 3)))
    torch.testing.assert_close(inserted.eval()(x), expected, rtol=0, atol=0)
    assert list(inserted.attention) == ["before_conv2"]


def test_one_module_at_two_sites(tiny):
    insert(tiny, [("conv1", "norm"), "conv2"], Half)
    assert tiny.attention.site_keys == {"conv1": "conv1", "norm": "conv1", "conv2": "conv2"}
    assert len(list(tiny.attention.parameters())) == 2
    runs = []
    tiny.attention["conv1"].register_forward_hook(lambda *_: runs.append(1))
    tiny(images()).sum().backward()
    assert len(runs) == 2
    assert all(p.grad is not None for n, p in tiny.named_parameters() if not n.startswith("idle"))


def test_the_hosts_own_keys_stay():
    plain = resnet18(num_classes=3)
    model = insert(resnet18(num_classes=3), RESNET_SITES, ela_s, example=SMALL)
    missing, unexpected = model.load_state_dict(plain.state_dict(), strict=False)
    assert unexpected == []
    assert {key.split(".")[0] for key in missing} == {"attention"}
    assert list(dict.fromkeys(key.split(".")[1] for key in missing)) == [
        *("relu", "layer2_0_bn2", "layer3", "layer4")
    ]
    others = {k: v for k, v in model.state_dict().items() if not k.startswith("attention.")}
    plain.load_state_dict(others)  # and the other way round, strictly


def test_the_identity_start_keeps_a_pretrained_network():
    torch.manual_seed(0)
    plain = resnet18(num_classes=3).eval()
    model = insert(copy.deepcopy(plain), RESNET_SITES, ela_s, example=SMALL, identity_start=True)
    x = images(2, 3, 64, 64)
    assert torch.equal(model(x), plain(x))
    with pytest.raises(ValueError, match=r"site layer2.*start_as_identity"):
        insert(model, ["layer2"], lambda c: nn.BatchNorm2d(c), example=SMALL, identity_start=True)


def test_finding_the_channels_changes_nothing(tiny):
    tiny.train()
    tiny.norm.eval()  # frozen by its owner
    before = {name: tensor.clone() for name, tensor in tiny.state_dict().items()}
    state = torch.get_rng_state()
    insert(tiny, ["conv2"], Half)
    assert torch.equal(torch.get_rng_state(), state)
    assert (tiny.training, tiny.norm.training, tiny.attention.training) == (True, False, True)
    assert all(torch.equal(tiny.state_dict()[name], tensor) for name, tensor in before.items())
    assert maps_at(tiny, ["conv2"], images())["conv2"].shape == (2, 32, 16, 24)


def test_later_calls_add(tiny):
    insert(tiny, ["conv1"], Half)
    insert(tiny, ["conv2"], ECA)
    assert [type(module) for module in tiny.attention.values()] == [Half, ECA]
    insert(tiny, ["norm"], lambda channels: None)
    assert list(tiny.attention) == ["conv1", "conv2"]


def test_copies_have_modules_of_their_own(tiny):
    """As averaging of weights needs, and pickles."""
    model = insert(tiny, ["norm", Before("conv2")], Half).eval()
    x = images()
    expected = model(x)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    others = copy.deepcopy(model), torch.load(file, weights_only=False)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    for other in others:
        assert torch.equal(other(x), expected)


def test_on_device_meta_and_in_another_precision():
    with torch.device("meta"):
        model = insert(Tiny(), ["conv2"], ela_s)
    assert {p.device.type for p in model.parameters()} == {"meta"}
    model = insert(Tiny().bfloat16(), ["conv2"], ela_s)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_autocast_and_channels_last(tiny):
    model = insert(tiny, ["norm", "conv2"], ela_s).eval()
    x = images()
    with torch.no_grad():
        expected = model(x)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(model(x).float(), expected, rtol=0.05, atol=0.02)
        model = model.to(memory_format=torch.channels_last)
        layouts = []
        model.conv2.register_forward_hook(lambda m, i, out: layouts.append(out.stride(1)))
        last = model(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, expected)
    assert layouts == [1], "the map that conv2's module returns"


@pytest.mark.slow
def test_compiled_and_exported(tiny, tmp_path):
    """Whole graphs with the modules inside, other sizes of the image included."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model = insert(tiny, ["norm", Before("conv2")], ela_s).eval()
    x, wide = images(), images(2, 3, 16, 40)
    with torch.no_grad():
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True, dynamic=True)
        for example in (x, wide):
            torch.testing.assert_close(compiled(example), model(example))
        width = torch.export.Dim("width", min=8, max=64)
        program = torch.export.export(model, (x,), dynamic_shapes=({3: width},))
        names = {spec.target for spec in program.graph_signature.input_specs}
        assert "attention.norm.gate_h.0.weight" in names
        torch.testing.assert_close(program.module()(wide), model(wide))
        path = tmp_path / "tiny.onnx"
        # The tracing exporter; the other one begins with the program above, and takes seconds.
        torch.onnx.export(model, (x,), path, dynamo=False)
        session = onnxruntime.InferenceSession(path)
        (out,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(out), model(x), rtol=1e-4, atol=1e-5)


class Breaking(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x[:, :, ::2]


@pytest.mark.parametrize(
    ("sites", "build", "message"),
    [
        (["conv3"], Half, r"Tiny has no submodule 'conv3'; it has conv1, conv2, norm"),
        (["conv1.weight"], Half, r"no submodule 'conv1.weight'; its conv1 has no submodules"),
        (["relu"], Half, r"site relu runs 2 times.*Before"),
        (["idle"], Half, r"site idle does not run"),
        (["head"], Half, r"at site head there is a tensor of shape \(1, 5\)"),
        ([("conv1", "conv2")], Half, r"cannot share.*conv1.*\(1, 16, 224, 224\).*conv2.*32"),
        (["conv1"], partial(SE, reduction=3), r"site conv1 with a map \(1, 16, 224, 224\).*SE: 16"),
        (["conv1"], Breaking, r"Breaking returns a tensor of shape \(1, 16, 112, 224\) at site"),
        (["conv1", "conv1"], Half, r"site conv1 has attention already"),
        ([], Half, r"no site"),
    ],
)
def test_errors_name_site_and_shape_and_change_nothing(tiny, sites, build, message):
    keys = list(tiny.state_dict())
    with pytest.raises(ValueError, match=message):
        insert(tiny, sites, build)
    assert list(tiny.state_dict()) == keys
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.modules())


def test_networks_that_cannot_hold_attention(tiny):
    with pytest.raises(ValueError, match=r"Sequential runs all of its children"):
        insert(nn.Sequential(tiny), ["0.conv1"], Half)
    tiny.attention = nn.Identity()
    with pytest.raises(ValueError, match=r"of its own that is called 'attention'.*name="):
        insert(tiny, ["conv1"], Half)
    assert list(insert(tiny, ["conv1"], Half, name="ela").ela) == ["conv1"]
    with pytest.raises(ValueError, match=r"Tiny fails for a tensor of shape \(1, 7\).*example="):
        insert(tiny, ["conv2"], Half, example=torch.zeros(1, 7), name="other")


def test_in_timm():
    timm = pytest.importorskip("timm", reason="timm, which is optional, is not installed")
    plain = timm.create_model("mobilenetv3_small_050", num_classes=3)
    build = partial(SE, reduction=8)
    model = insert(copy.deepcopy(plain), ["blocks.1", "blocks.2"], build, example=SMALL)
    missing, unexpected = model.load_state_dict(plain.state_dict(), strict=False)
    assert (unexpected, {key.split(".")[0] for key in missing}) == ([], {"attention"})
    assert model(images(2, 3, 64, 64)).shape == (2, 3)
