"""Strips against the plain formulas: same values, same gradients, in every layout."""

from functools import partial

import pytest
import torch

from yolox_ela.attention import CA, ela_s
from yolox_ela.attention.strips import gate_strips, strip_means

LAYOUTS = pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"]
)


def inputs(*shape, dtype=torch.float32, layout=torch.contiguous_format):
    """A map and its two gates, all wanting gradients."""
    torch.manual_seed(0)
    n, c, h, w = shape
    x = torch.randn(shape, dtype=dtype).to(memory_format=layout)
    y_h, y_w = torch.rand(n, c, h, dtype=dtype), torch.rand(n, c, w, dtype=dtype)
    return [tensor.requires_grad_() for tensor in (x, y_h, y_w)]


def plain_gating(x, y_h, y_w):
    return x * y_h[:, :, :, None] * y_w[:, :, None, :]


@LAYOUTS
def test_same_values_as_the_formulas(layout):
    x, y_h, y_w = inputs(2, 8, 5, 7, layout=layout)
    z_h, z_w = strip_means(x)
    torch.testing.assert_close(z_h, x.mean(3))
    torch.testing.assert_close(z_w, x.mean(2))
    gated = gate_strips(x, y_h, y_w)
    assert torch.equal(gated, plain_gating(x, y_h, y_w)), "the same two products, bit for bit"
    assert gated.is_contiguous(memory_format=layout)


@LAYOUTS
def test_gradients_of_both_orders(layout):
    double = inputs(2, 3, 4, 5, dtype=torch.float64, layout=layout)
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(gate_strips, double)
        assert check(strip_means, double[:1])


@pytest.mark.parametrize("shape", [(1, 4, 1, 1), (2, 1, 3, 1), (1, 1, 4, 6), (2, 4, 1, 5)])
def test_thin_maps(shape):
    """Where the two layouts cannot be told apart."""
    x, y_h, y_w = inputs(*shape)
    torch.testing.assert_close(gate_strips(x, y_h, y_w), plain_gating(x, y_h, y_w))
    wanted = torch.autograd.grad(plain_gating(x, y_h, y_w).square().sum(), (x, y_h, y_w))
    found = torch.autograd.grad(gate_strips(x, y_h, y_w).square().sum(), (x, y_h, y_w))
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_one_map_is_kept_for_the_gradient():
    """The plain formula keeps two, and the means would keep none."""
    kept = []

    def count(tensor):
        kept.append(tensor.numel())
        return tensor

    x, y_h, y_w = inputs(2, 8, 16, 16)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        strip_means(x)
        gate_strips(x, y_h, y_w)
    assert kept.count(x.numel()) == 1


def test_gates_of_another_type_leave_the_maps_type():
    x, y_h, y_w = inputs(1, 4, 3, 3)
    half = x.detach().bfloat16()
    assert gate_strips(half, y_h, y_w).dtype == torch.bfloat16


def test_vmap_over_a_stack_of_maps():
    x, y_h, y_w = inputs(6, 4, 3, 5)
    stacked = [tensor.unflatten(0, (3, 2)) for tensor in (x, y_h, y_w)]
    out = torch.vmap(gate_strips)(*stacked).flatten(0, 1)
    torch.testing.assert_close(out, gate_strips(x, y_h, y_w))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "gate_scale"),
    [(ela_s, 1.0), (partial(CA, reduction=16), 2.0)],
    ids=["ELA-S", "CA as it starts as the identity"],
)
def test_compiled_training_step_is_the_eager_one(build, gate_scale):
    torch.manual_seed(0)
    module, x = build(64), torch.randn(2, 64, 8, 8, requires_grad=True)
    module.gate_scale = gate_scale
    step = torch.compile(module, backend="aot_eager", fullgraph=True)
    results = []
    for network in (module, step):
        module.zero_grad()
        out = network(x)
        (out * out.detach().cos()).sum().backward()
        results.append([out, x.grad.clone(), *(p.grad.clone() for p in module.parameters())])
        x.grad = None
    for eager, compiled in zip(*results, strict=True):
        torch.testing.assert_close(compiled, eager)


@pytest.mark.parametrize("shared", [True, False])
def test_square_maps_take_one_call_of_the_shared_convolution(shared):
    module, calls = ela_s(64, shared=shared), []
    for conv in module.modules():
        if isinstance(conv, torch.nn.Conv1d):
            conv.register_forward_hook(lambda *_: calls.append(1))
    module(torch.randn(2, 64, 8, 8))
    assert len(calls) == (1 if shared else 2)
