"""The forms of ELA for prediction and export compute what the module itself computes."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from yolox_ela.attention import ela_b, ela_l, ela_s, ela_t
from yolox_ela.attention.exported import ExportedELA
from yolox_ela.attention.exported_fixed import FixedSizeELA
from yolox_ela.attention.fast import FastELA

LAYOUTS = (torch.contiguous_format, torch.channels_last)
BUILDS = [ela_t, ela_b, ela_s, ela_l, *(partial(b, shared=False) for b in (ela_s, ela_t))]
every_build = pytest.mark.parametrize(
    "build", BUILDS, ids=["T", "B", "S", "L", "S, separate", "T, separate"]
)


def trained(build, *, gate_scale=1.0, channels=64):
    """A module in evaluation mode with all weights away from their initial values."""
    torch.manual_seed(0)
    module = build(channels)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    module.gate_scale = gate_scale
    return module.eval()


def image(n, h, w, layout=torch.contiguous_format, channels=64):
    x = torch.randn(n, channels, h, w, generator=torch.Generator().manual_seed(1))
    return x.to(memory_format=layout)


@every_build
@pytest.mark.parametrize("gate_scale", [1.0, 2.0])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS, ids=["nchw", "nhwc"])
@torch.inference_mode()
def test_same_result_in_the_memory_of_the_map(build, gate_scale, n, layout):
    module = trained(build, gate_scale=gate_scale)
    fast = FastELA(module)
    for h, w in [(8, 8), (5, 12), (13, 4), (26, 26), (3, 3)]:
        x = image(n, h, w, layout)
        expected, address = module(x), x.data_ptr()
        found = fast(x)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        assert found.data_ptr() == address
        assert found.is_contiguous(memory_format=layout)


@every_build
@torch.inference_mode()
def test_gates_lie_in_memory_as_a_channels_last_map_does(build):
    """Otherwise each product of the map and a gate takes six times as long, with equal results."""
    fast = FastELA(trained(build))
    sums = [torch.randn(2, 20, 64) for _ in range(2)]
    for gate in filter(None, (fast.gate_h, fast.gate_w)):
        assert gate(sums, factor=20).is_contiguous()  # (N, S, L, 1, C)


@every_build
@torch.no_grad()
def test_exported_form(build):
    for gate_scale in (1.0, 2.0):
        module = trained(build, gate_scale=gate_scale)
        for square, (h, w) in [(True, (8, 8)), (False, (8, 8)), (False, (5, 12))]:
            x = image(2, h, w)
            found = ExportedELA(module, square=square)(x)
            torch.testing.assert_close(found, module(x), atol=1e-5, rtol=0)
            for expanded in (True, False):
                found = FixedSizeELA(module, expanded=expanded)(x)
                torch.testing.assert_close(found, module(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # from torch's own group_norm
def test_onnx_of_the_exported_form_at_other_sizes(square, tmp_path):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    module, file = trained(ela_s, gate_scale=2.0), tmp_path / "ela.onnx"
    free = {"x": {0: "n", 2: "h", 3: "w"}}
    form = ExportedELA(module, square=square).eval()
    example = (image(2, 8, 8),)
    torch.onnx.export(form, example, file, input_names=["x"], dynamic_axes=free, dynamo=False)
    session = onnxruntime.InferenceSession(file)
    for n, h, w in [(1, 6, 6), (3, 9, 9), *([] if square else [(3, 4, 9)])]:
        x = image(n, h, w)
        (answer,) = session.run(None, {"x": x.numpy()})
        np.testing.assert_allclose(answer, module(x).detach().numpy(), atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # sizes become constants
def test_onnxruntime_keeps_the_map_in_its_blocked_layout(tmp_path):
    """Only strips change their layout between the convolutions before and after the attention."""
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime", minversion="1.24")  # 1.20 expands elsewhere
    convolutions = [nn.Conv2d(64, 64, 1) for _ in range(2)]
    ela = FixedSizeELA(trained(ela_s, gate_scale=2.0), expanded=True)
    network, x = nn.Sequential(convolutions[0], ela, convolutions[1]).eval(), image(1, 12, 20)
    file, optimised = tmp_path / "ela.onnx", tmp_path / "optimised.onnx"
    torch.onnx.export(network, (x,), file, input_names=["x"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(optimised)
    (answer,) = onnxruntime.InferenceSession(file, options).run(None, {"x": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(answer, network(x), atol=1e-5, rtol=0)
    nodes = onnx.load(optimised).graph.node
    blocked = [node for node in nodes if node.domain == "com.microsoft.nchwc"]
    if not blocked:
        pytest.skip("onnxruntime has no blocked layout on this processor")
    assert [node.op_type for node in blocked].count("Upsample") == 2
    # For the input and the output, and for each of the two strips around its GroupNorm.
    for kind in ("ReorderInput", "ReorderOutput"):
        assert [node.op_type for node in blocked].count(kind) == 1 + 2


def test_strips_of_square_maps_go_through_the_exported_layers_together():
    module, calls = trained(ela_s), []
    module.gate_h[0].register_forward_hook(lambda *_: calls.append(1))
    ExportedELA(module, square=True)(image(1, 8, 8))
    assert len(calls) == 1
