"""What every attention module promises, whatever its paper: one table, one test a promise."""

import io
from functools import partial

import numpy as np
import pytest
import torch
from exp_modules import CHANNELS, MODULES, STARTING_AS_IDENTITY
from torch import nn

from yolox_ela.attention import CA, CBAM, ECA, SA, SE, CAGroupNorm, ela_b, ela_l, ela_s, ela_t

# GroupNorm answers in float32 under autocast on CUDA only.
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def from_starts(*starts):
    """Every module with each of these starts that it has."""
    return pytest.mark.parametrize(
        ("build", "start"),
        [
            pytest.param(build, start, id=f"{name}-{start}")
            for name, build in MODULES.items()
            for start in starts
            if start == "paper" or name in STARTING_AS_IDENTITY
        ],
    )


every_module = pytest.mark.parametrize("build", MODULES.values(), ids=MODULES)
every_start = from_starts("paper", "identity")


def randomised(build, start="paper") -> nn.Module:
    """A module with weights, biases and norms all away from their initial values."""
    torch.manual_seed(0)
    module = build(CHANNELS)
    if start == "identity":
        module.start_as_identity()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


def image(n=2, h=6, w=10) -> torch.Tensor:
    return torch.randn(n, CHANNELS, h, w, generator=torch.Generator().manual_seed(1))


@every_module
@pytest.mark.parametrize(
    ("n", "h", "w"),
    [
        (2, 8, 8),
        (2, 5, 12),  # wide: rows and columns must not be confused
        (2, 12, 5),  # tall
        (1, 7, 9),  # one image, also through BatchNorm in training
        (3, 1, 2),  # shorter than every kernel
    ],
)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_keeps_shape_and_type(build, n, h, w, training):
    x = image(n, h, w)
    out = randomised(build).train(training)(x)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert out.isfinite().all()


@every_module
def test_images_of_a_batch_do_not_mix(build):
    module, x = randomised(build).eval(), image(3)
    alone = torch.cat([module(one) for one in x.split(1)])
    torch.testing.assert_close(module(x), alone)


@every_module
@pytest.mark.parametrize("n", [1, 4])
def test_every_parameter_learns(build, n):
    module, x = randomised(build).train(), image(n).requires_grad_()
    (module(x) * torch.randn(x.shape)).sum().backward()
    for name, tensor in [("input", x), *module.named_parameters()]:
        assert tensor.grad is not None, name
        assert tensor.grad.isfinite().all(), name
        assert tensor.grad.any(), name


@every_start
def test_channels_last_gives_the_same_answer(build, start):
    module, x = randomised(build, start).eval(), image()
    strided = module(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(strided, module(x))


@every_start
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_autocast_keeps_the_type_of_the_map(build, start, device, low, training):
    module, x = randomised(build, start).train(training).to(device), image().to(device)
    exact = module(x)
    for stored in (torch.float32, low):  # the first map of a network, and all later ones
        with torch.autocast(device, low):
            out = module(x.to(stored))
        assert out.dtype == stored
        torch.testing.assert_close(out.float(), exact, atol=0.05, rtol=0.05)


@every_module
def test_weights_survive_a_file(build):
    module, x, file = randomised(build).train(), image(), io.BytesIO()
    module(x)  # moves running statistics, which belong to the weights
    torch.save(module.state_dict(), file)
    file.seek(0)
    copy = build(CHANNELS)
    copy.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(copy.eval()(x), module.eval()(x))


SIZES = pytest.mark.parametrize(
    ("build", "start", "recorded", "others"),
    [
        pytest.param(build, start, recorded, others, id=f"{name}-{title}")
        for name, build in MODULES.items()
        for start, recorded, others, title in [
            ("paper", (6, 10), [(9, 7), (8, 8)], "wide, others"),
            ("identity", (8, 8), [(9, 7)], "square, tall, identity"),
            ("paper", (8, 8), [(9, 7)], "square, tall"),
        ]
        # Of both starts on a square map one is enough; they differ by a factor.
        if (name in STARTING_AS_IDENTITY) == (start == "identity") or recorded != (8, 8)
    ],
)


@pytest.mark.slow
@every_module
def test_one_graph_for_every_size(build):
    """torch.export, on which torch.compile and ONNX stand: no breaks, no frozen sizes.

    Not even on a square map, whose sides seem to be one size.
    """
    start = "identity" if hasattr(build(CHANNELS), "start_as_identity") else "paper"
    module = randomised(build, start).eval()
    free = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    graph = torch.export.export(module, (image(2, 8, 8),), dynamic_shapes=(free,)).module()
    for other in [(9, 7), (6, 10), (8, 8)]:
        x = image(3, *other)
        torch.testing.assert_close(graph(x), module(x))


@SIZES
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # from torch's own group_norm
def test_onnx_parity(build, start, recorded, others, tmp_path):
    """The tracing exporter: fifty times faster than the new one, whose first half,
    torch.export, is tested above."""
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    module, file = randomised(build, start).eval(), tmp_path / "attention.onnx"
    free = {"x": {0: "n", 2: "h", 3: "w"}}
    example = (image(2, *recorded),)
    torch.onnx.export(module, example, file, input_names=["x"], dynamic_axes=free, dynamo=False)
    session = onnxruntime.InferenceSession(file)
    for other in others:
        x = image(3, *other)
        (answer,) = session.run(None, {"x": x.numpy()})
        np.testing.assert_allclose(answer, module(x).detach().numpy(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("build", "channels", "divisor"),
    [
        (SE, 100, 16),  # the default reduction
        (partial(SE, reduction=24), 64, 24),
        (partial(SE, reduction=0), 64, 0),
        (CBAM, 100, 16),
        (SA, 72, 16),  # 8 groups fit, their halves do not
        (partial(SA, groups=64), 64, 128),  # the default of SA's paper, too many here
        (ela_t, 48, 32),  # GroupNorm groups
        (ela_b, 24, 16),
        (ela_s, 20, 8),  # channels per conv group
        (ela_l, 20, 8),
        (ela_s, 24, 16),  # conv groups fit, GroupNorm groups do not
    ],
)
def test_channels_that_do_not_divide(build, channels, divisor):
    with pytest.raises(ValueError, match=rf"\b{channels}\b.*\b{divisor}\b"):
        build(channels)


@pytest.mark.parametrize("build", [ECA, CA, CAGroupNorm], ids=lambda build: build.__name__)
@pytest.mark.parametrize("channels", [3, 37])
def test_modules_that_take_any_channels(build, channels):
    x = torch.randn(2, channels, 4, 5)
    assert build(channels)(x).shape == x.shape
