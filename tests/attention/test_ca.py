"""CA and CA_gn against the equations (arXiv 2103.02907, Eq. 4-9), as einsums over strips."""

import numpy as np
import pytest
import torch
from torch import nn

from yolox_ela.attention import CA, CAGroupNorm


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def ca_by_einsum(x, state, normalise):
    height = x.shape[2]
    f1, f_h, f_w = (
        state[name][:, :, 0, 0]
        for name in ("squeeze.0.weight", "gate_h.0.weight", "gate_w.0.weight")
    )
    strips = np.concatenate([x.sum(3) / x.shape[3], x.sum(2) / x.shape[2]], 2)  # (N, C, H + W)
    f = normalise(np.einsum("mc,ncl->nml", f1, strips))
    gamma, beta = state["squeeze.1.weight"], state["squeeze.1.bias"]
    f = np.maximum(0, gamma[None, :, None] * f + beta[None, :, None])
    g_h = sigmoid(np.einsum("cm,nmh->nch", f_h, f[:, :, :height]))
    g_w = sigmoid(np.einsum("cm,nmw->ncw", f_w, f[:, :, height:]))
    return np.einsum("nchw,nch,ncw->nchw", x, g_h, g_w)


def standardised(f, axes):
    centred = f - f.mean(axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axes, keepdims=True) + 1e-5)


def random_case(build):
    torch.manual_seed(0)
    module, x = build(48, reduction=12).double(), torch.randn(3, 48, 7, 4).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module, x, {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def test_ca_in_training_uses_the_batch():
    module, x, state = random_case(CA)
    expected = ca_by_einsum(x.numpy(), state, lambda f: standardised(f, (0, 2)))
    np.testing.assert_allclose(module.train()(x).detach().numpy(), expected)


def test_ca_in_evaluation_uses_running_statistics():
    module, x, _ = random_case(CA)
    module.train()(torch.randn(5, 48, 6, 6).double())
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    mean = state["squeeze.1.running_mean"][None, :, None]
    var = state["squeeze.1.running_var"][None, :, None]
    expected = ca_by_einsum(x.numpy(), state, lambda f: (f - mean) / np.sqrt(var + 1e-5))
    np.testing.assert_allclose(module.eval()(x).detach().numpy(), expected)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_ca_gn_normalises_each_channel_of_each_image(training):
    module, x, state = random_case(CAGroupNorm)
    expected = ca_by_einsum(x.numpy(), state, lambda f: standardised(f, 2))
    np.testing.assert_allclose(module.train(training)(x).detach().numpy(), expected)


@pytest.mark.parametrize("build", [CA, CAGroupNorm], ids=lambda build: build.__name__)
@pytest.mark.parametrize(
    ("channels", "options", "hidden"),
    [
        (256, {"reduction": 16}, 16),
        (64, {"reduction": 24}, 2),  # rounded down
        (64, {"reduction": 24, "min_width": 8}, 8),
        (256, {"reduction": 24, "min_width": 8}, 10),  # wide enough already
        (16, {"reduction": 32}, 1),  # never empty
    ],
)
def test_hidden_width(build, channels, options, hidden):
    assert build(channels, **options).state_dict()["gate_h.0.weight"].shape[1] == hidden


@pytest.mark.parametrize("options", [{"reduction": 0}, {"min_width": 0}])
def test_empty_bottleneck_is_refused(options):
    with pytest.raises(ValueError, match=r"CAGroupNorm.*at least 1"):
        CAGroupNorm(64, **options)
