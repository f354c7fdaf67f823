"""Files of 8 bits: which convolutions they compute so, and how near they stay to the network."""

import pytest
import torch

from yolox_ela.export import onnx_file, openvino_file
from yolox_ela.export.check import check_images, letterboxed
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ToExport, exported_network, is_kept_in_float
from yolox_ela.predict import Detector

SIZE = (160, 160)


@pytest.fixture(scope="module")
def job():
    detector = Detector.from_pretrained(image_size=SIZE[0], device="cpu")
    meta = Metadata(detector.classes, SIZE, precision="int8")
    images = letterboxed(check_images(), SIZE).float().contiguous().split(1)
    return ToExport(exported_network(detector.model, meta), meta, 17, images)


def largest_gap(job, opened):
    """Of the scores of a file and those of the network, on images that calibrated the file."""
    gaps = []
    for image in job.calibration:
        with torch.no_grad():
            wanted = job.network(image)
        (got,) = opened.run(image)
        theirs, ours = (each[..., 4:5] * each[..., 5:] for each in (wanted, got))
        assert theirs.max() > 0.3, "there is an object"
        gaps.append((theirs - ours).abs().max().item())
    return max(gaps)


def test_onnx_computes_convolutions_in_8_bits_but_for_those_that_lose_by_it(job, tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "int8.onnx"
    onnx_file.write(job, path)
    graph = onnx.load(path).graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    found = {
        node.name: {made_by.get(entry) for entry in node.input[:2]} == {"DequantizeLinear"}
        for node in graph.node
        if node.op_type == "Conv"
    }
    assert found == {name: not is_kept_in_float(name) for name in found}
    assert 0 < sum(map(is_kept_in_float, found)) < len(found) / 4
    gap = largest_gap(job, onnx_file.open_file(path, "cpu"))
    assert 1e-4 < gap < 0.2
