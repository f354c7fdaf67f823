"""Networks of every kind compute the same as exported files."""

from functools import partial

import onnx
import pytest
from shallow import shallow_yolox

from studies.export_grid import INPUTS, NAMES, lively_network, run_case
from yolox_ela.export.metadata import Metadata
from yolox_ela.network.model import build_yolox

SQUARE, WIDE = INPUTS
# Every attention module, each at some of the seven sites.
STRIPS = ("ela_t", "ela_b", "ela_s", "ela_l", "ca", "cagroupnorm", "se")
OTHERS = ("cbam", "eca", "sa", "none")
SIZES = {size: partial(build_yolox, size=size) for size in ("nano", "tiny", "s")}
SIZES["shallow"] = shallow_yolox
# With every size, shape of input, opset, kind of output, fixed and open.
CASES = [
    (STRIPS, "nano", SQUARE, 17, "decoded", False),
    (OTHERS, "tiny", WIDE, 18, "raw", True),
    (("ela_s",), "s", SQUARE, 19, "nms", True),
    (STRIPS, "shallow", WIDE, 20, "decoded", True),
    (OTHERS, "shallow", SQUARE, 21, "nms", False),
]


@pytest.mark.parametrize(
    ("attention", "size", "image_size", "opset", "outputs", "free"),
    CASES,
    ids=[f"{case[0][0]}-{case[1]}-{case[4]}" for case in CASES],
)
def test_the_file_computes_what_the_network_does(
    attention, size, image_size, opset, outputs, free, tmp_path
):
    model, path = lively_network(attention, SIZES[size]), tmp_path / "model.onnx"
    meta = Metadata(NAMES, image_size, outputs, 0 if free else 2, free, score_threshold=0.25)
    found = run_case(model, meta, path, opset=opset)
    assert found.detections > 20, "there is something to compare"
    assert found.box < 1e-2
    assert found.score < 1e-4
    written = onnx.load(path)
    assert {each.domain: each.version for each in written.opset_import}[""] == opset
    (images,) = written.graph.input
    dims = images.type.tensor_type.shape.dim
    wanted = ["batch", 3, "height", "width"] if free else [2, 3, *image_size]
    assert [dim.dim_param or dim.dim_value for dim in dims] == wanted


@pytest.mark.slow
def test_torch_export_leaves_batch_and_size_open(tmp_path):
    """The pictures come one, two and several at a time, and in three sizes."""
    model, meta = (
        lively_network(["ela_s", "none"], shallow_yolox),
        Metadata(NAMES, (64, 96), "decoded", 0, True),
    )
    found = run_case(model, meta, tmp_path / "model.pt2", kind="torch_export")
    assert found.detections > 20
    assert found.box < 1e-2
    assert found.score < 1e-4
