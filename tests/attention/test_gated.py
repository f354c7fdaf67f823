"""The start as the identity: what it changes, what it leaves, and that it can be left by training.

Promises that hold from either start are in test_contract.py.
"""

import copy
from functools import partial

import pytest
import torch
from exp_modules import CHANNELS, MODULES, STARTING_AS_IDENTITY
from shallow import shallow_yolox
from test_contract import DEVICES, image, randomised
from torch import nn

from yolox_ela.attention import CA, CBAM, CAGroupNorm, ela_s
from yolox_ela.attention.gated import GatedModule
from yolox_ela.sizes import site_channels

SITES = site_channels("nano")

every_module = pytest.mark.parametrize(
    "build", STARTING_AS_IDENTITY.values(), ids=STARTING_AS_IDENTITY
)
every_mode = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def identity(build, channels=CHANNELS) -> nn.Module:
    torch.manual_seed(0)
    module = build(channels)
    module.start_as_identity()
    return module


@every_module
@every_mode
@pytest.mark.parametrize("device", DEVICES)
def test_returns_its_input(build, training, device):
    for channels in sorted(set(SITES.values())):
        module = identity(build, channels).train(training).to(device)
        for h, w in [(8, 8), (5, 12), (12, 5)]:
            for layout in (torch.contiguous_format, torch.channels_last):
                x = torch.randn(2, channels, h, w, device=device).to(memory_format=layout)
                assert torch.equal(module(x), x)
                assert torch.equal(module(1e4 * x), 1e4 * x)
                with torch.autocast(device, torch.bfloat16):
                    assert torch.equal(module(x.bfloat16()), x.bfloat16())


@every_module
def test_returns_its_gradient(build):
    """What comes before learns as if nothing were there."""
    x = image().requires_grad_()
    gradient = torch.randn(x.shape)
    identity(build).train()(x).backward(gradient)
    torch.testing.assert_close(x.grad, gradient)


@every_module
def test_every_parameter_leaves_the_start(build):
    module, wanted = identity(build).train(), torch.randn(2, CHANNELS, 6, 10)
    x = image() + torch.randn(CHANNELS, 1, 1)  # channels' means differ, as they do in a network
    start = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    losses = []
    for _ in range(10):
        loss = (module(x) - wanted).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses == sorted(losses, reverse=True)
    assert (module(x) - x).abs().max() > 1e-4
    for name, parameter in module.named_parameters():
        assert not torch.equal(parameter, start[name]), name


@pytest.mark.parametrize("shared", [True, False])
def test_strip_gates_start_open(shared):
    for build in (partial(ela_s, shared=shared), CA, CAGroupNorm):
        for x in (image(h=8, w=8), image(h=5, w=12)):
            for gate in identity(build).gates(x):
                assert torch.equal(gate, torch.ones_like(gate))


@every_module
def test_only_last_layers_differ_from_the_papers_start(build):
    started = identity(build)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    paper = build(CHANNELS)
    assert torch.equal(torch.get_rng_state(), after), "the network's other weights stay the same"
    if not isinstance(paper, GatedModule):
        return  # it has a start of its own
    assert (paper.gate_scale, started.gate_scale) == (1, 2)
    start, other = paper.state_dict(), started.state_dict()
    assert list(start) == list(other)
    zeroed = {name for name in start if not torch.equal(start[name], other[name])}
    assert zeroed
    assert not any(other[name].any() for name in zeroed)


def strip_gate(name, per_filter, kernel, num_groups):
    return {
        f"{name}.0": lambda: nn.Conv1d(64, 64, kernel, groups=64 // per_filter, bias=False),
        f"{name}.1": lambda: nn.GroupNorm(num_groups, 64),
    }


def coordinate(hidden, norm):
    return {
        "squeeze.0": lambda: nn.Conv2d(64, hidden, 1, bias=False),
        "squeeze.1": norm,
        "gate_h.0": lambda: nn.Conv2d(hidden, 64, 1, bias=False),
        "gate_w.0": lambda: nn.Conv2d(hidden, 64, 1, bias=False),
    }


# The layers with weights at 64 channels, in order of initialisation. SA samples no weights.
LAYERS = {
    "nano_se": {
        "gate.0": lambda: nn.Linear(64, 4, bias=False),
        "gate.2": lambda: nn.Linear(4, 64, bias=False),
    },
    "nano_cbam": {
        "mlp.0": lambda: nn.Linear(64, 4, bias=False),
        "mlp.2": lambda: nn.Linear(4, 64, bias=False),
        "conv": lambda: nn.Conv2d(2, 1, 7, bias=False),
    },
    "nano_eca": {"gate.0": lambda: nn.Conv1d(1, 1, 3, bias=False)},
    "nano_ca_r32": coordinate(2, lambda: nn.BatchNorm2d(2)),
    "nano_ca_gn_r32": coordinate(2, lambda: nn.GroupNorm(2, 2)),
    "CA_gn, minimum width": coordinate(8, lambda: nn.GroupNorm(8, 8)),
    "nano_ela_t": strip_gate("gate_h", 1, 5, 32),
    "nano_ela_b": strip_gate("gate_h", 1, 7, 16),
    "nano_ela_s": strip_gate("gate_h", 8, 5, 16),
    "nano_ela_l": strip_gate("gate_h", 8, 7, 16),
    "ELA-S, separate": strip_gate("gate_h", 8, 5, 16) | strip_gate("gate_w", 8, 5, 16),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_papers_start_is_that_of_torchs_layers(name):
    """Weights of earlier runs load by these names, and seeds give the networks they gave."""
    torch.manual_seed(0)
    module = MODULES[name](64).state_dict()
    torch.manual_seed(0)
    layers = [(prefix, layer().state_dict()) for prefix, layer in LAYERS[name].items()]
    expected = {f"{prefix}.{key}": t for prefix, layer in layers for key, t in layer.items()}
    assert list(module) == list(expected)
    for key, tensor in expected.items():
        assert torch.equal(module[key], tensor), key


@pytest.mark.parametrize("name", [*LAYERS, "nano_sa"])
def test_a_convolution_after_it_takes_up_what_was_added(name):
    """The factors, and SA's missing shuffle: with them in its weights, the paper's module does."""
    papers = randomised(MODULES[name]).eval()
    doubled = randomised(MODULES[name], "identity").eval()
    after, x = nn.Conv2d(CHANNELS, 8, 1), image()
    expected = after(doubled(x))
    gates = 2 if hasattr(papers, "gates") or isinstance(papers, CBAM) else 1
    with torch.no_grad():
        after.weight *= 2**gates
        if isinstance(papers, CBAM):  # its spatial gate is such a convolution itself
            papers.conv.weight *= 2
        if hasattr(papers, "shuffle"):
            order = torch.arange(CHANNELS).unflatten(0, (2, -1)).T.flatten()
            after.weight.copy_(after.weight[:, order])
    torch.testing.assert_close(after(papers(x)), expected)


@every_module
def test_copies_start_alike(build):
    """The running average of the weights, and networks with folded norms, are deep copies."""
    module = randomised(build, "identity").eval()
    assert torch.equal(copy.deepcopy(module)(image()), module(image()))


def predictions(model):
    """Of two images, in evaluation mode; and the losses for them, in training mode."""
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 255
    targets = torch.tensor([[[3.0, 40, 30, 50, 40]], [[7, 60, 20, 30, 30]]])
    with torch.no_grad():
        evaluated = model.eval()(images)
        return [evaluated, *map(torch.as_tensor, model.train()(images, targets).values())]


@pytest.fixture(scope="module")
def baseline():
    torch.manual_seed(0)
    return predictions(shallow_yolox(20))


@pytest.mark.slow
@every_module
@pytest.mark.parametrize("share_sites", [False, True], ids=["separate", "shared"])
def test_the_network_starts_as_the_baseline(build, share_sites, baseline):
    torch.manual_seed(0)
    model = shallow_yolox(20, build, share_sites=share_sites)
    for module in model.backbone.attention.values():
        module.start_as_identity()
    for found, expected in zip(predictions(model), baseline, strict=True):
        assert torch.equal(found, expected)
