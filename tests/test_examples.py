"""The examples, and the snippet in docs/usage.md, as a user outside the detector runs them."""

import copy
import importlib.util
import re
import runpy
from functools import partial
from pathlib import Path

import pytest
import torch
from exp_modules import MODULES
from torch import nn
from torchvision.models import resnet18

from yolox_ela.attention import SE, ela_s

PROJECT = Path(__file__).parents[1]
RESNET_ELA = PROJECT / "examples" / "resnet_ela.py"
WIDTHS = [64, 64, 128, 128, 256, 256, 512, 512]  # of ResNet-18's eight blocks
every_module = pytest.mark.parametrize("build", MODULES.values(), ids=MODULES)


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("resnet_ela", RESNET_ELA)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def images(n=2) -> torch.Tensor:
    return torch.randn(n, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@every_module
def test_each_block_has_a_module_of_its_own_that_learns(example, build):
    torch.manual_seed(0)
    made = []

    def attention(channels):
        made.append((channels, build(channels)))
        return made[-1][1]

    model = example.resnet18_with(attention, num_classes=10)
    assert [channels for channels, _ in made] == WIDTHS
    assert [id(module) for module in model.attention.values()] == [id(module) for _, module in made]
    for _, module in made:
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=0.5)  # SA starts with weights of 0, which hide others

    out = model(images())
    assert out.shape == (2, 10)
    (out * torch.randn(out.shape)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.fixture(scope="module")
def plain():
    """The weights of a network without attention."""
    return resnet18().state_dict()


@every_module
def test_weights_without_attention_load_by_name(example, plain, build):
    with torch.device("meta"):
        model = example.resnet18_with(build)
    model.to_empty(device="cpu")
    missing, unexpected = model.load_state_dict(plain, strict=False)
    assert unexpected == []
    assert {name.split(".")[0] for name in missing} <= {"attention"}
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in plain.items())


@pytest.mark.parametrize(("bias", "factor"), [(100.0, 1.0), (0.0, 0.25)], ids=["open", "half"])
def test_constant_gates_scale_the_residual_branch(example, bias, factor):
    """Gates of 1 leave torchvision's network. Two gates of 1/2 divide by 4 what bn2 returns and
    nothing else, which places the module after bn2 and before the addition."""
    torch.manual_seed(0)
    plain = resnet18()
    model = example.resnet18_with(ela_s)
    model.load_state_dict(plain.state_dict(), strict=False)
    for norm in model.attention.modules():
        if isinstance(norm, nn.GroupNorm):
            nn.init.zeros_(norm.weight)
            nn.init.constant_(norm.bias, bias)
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            if ".bn2." in name:
                parameter.mul_(factor)

    x = images()
    torch.testing.assert_close(model(x), plain(x), rtol=0, atol=0)  # moves running statistics
    torch.testing.assert_close(model.eval()(x), plain.eval()(x), rtol=0, atol=0)


def test_copies_and_files_keep_the_network(example, tmp_path):
    x, file = images(), tmp_path / "resnet.pth"
    model = example.resnet18_with(ela_s)
    model(x)
    expected = model.eval()(x)
    torch.save(model.state_dict(), file)
    restored = example.resnet18_with(ela_s)
    restored.load_state_dict(torch.load(file, weights_only=True))
    twin = copy.deepcopy(model)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(restored.eval()(x), expected)
    assert torch.equal(twin(x), expected)


def test_channels_that_do_not_divide_are_named(example):
    with pytest.raises(ValueError, match=r"\b64\b.*\b48\b"):
        example.resnet18_with(partial(SE, reduction=48))


@pytest.mark.slow
def test_script(tmp_path, monkeypatch, capsys):
    """It runs from any folder, counts what section 3.3 of the paper gives, and learns."""
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(RESNET_ELA), run_name="__main__")
    printed = capsys.readouterr().out
    plain, width = 11_689_512, sum(WIDTHS)  # per channel: taps x channels seen, and a norm's 2
    for name, per_channel in (("T", 5 + 2), ("B", 7 + 2), ("S", 5 * 8 + 2), ("L", 7 * 8 + 2)):
        line = re.search(rf"ELA-{name} +([\d,]+) parameters", printed)
        assert int(line[1].replace(",", "")) == plain + width * per_channel
    losses = [float(word) for word in re.findall(r"\d+\.\d+", printed.splitlines()[-1])]
    assert losses[-1] < 0.5 * losses[0]


def test_documented_snippet(example):
    """The block in docs/usage.md builds the network of the example: same names, same answers."""
    page = (PROJECT / "docs/usage.md").read_text(encoding="utf-8")
    section = page.partition("\n## Use the attention elsewhere\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    scope = {"__name__": "snippet"}
    exec(code, scope)
    model, same = scope["model"], example.resnet18_with(ela_s)
    model.load_state_dict(same.state_dict())
    assert torch.equal(model.eval()(images()), same.eval()(images()))
