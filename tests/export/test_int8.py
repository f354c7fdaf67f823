"""Files of 8 bits: which convolutions they compute so, and how near they stay."""

import pytest
import torch
from shallow import shallow_yolox

from studies.export_grid import NAMES, lively_network
from yolox_ela.export import onnx_file, openvino_file
from yolox_ela.export.check import check_images, letterboxed
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ToExport, exported_network, is_kept_in_float
from yolox_ela.predict import Detector


def job_of(network, names, kind, side):
    """What the writer of a format gets."""
    meta = Metadata(names, (side, side), precision="int8")
    images = letterboxed(check_images()[:4], (side, side)).float().contiguous().split(1)
    return ToExport(exported_network(network, meta, kind), meta, 17, images)


def scores(images, predict):
    """The best score of each image."""
    found = torch.cat([predict(image) for image in images])
    return (found[..., 4:5] * found[..., 5:]).amax((1, 2))


def require_near(opened, job):
    """What an opened file of 8 bits scores differs from the network's scores, but little."""
    with torch.no_grad():
        wanted = scores(job.calibration, job.network)
    gap = (wanted - scores(job.calibration, lambda image: opened.run(image)[0])).abs().max()
    assert wanted.max() > 0.3, "there is an object"
    assert 1e-4 < gap < 0.2


def test_onnx_computes_convolutions_in_8_bits_but_for_those_that_lose_by_it(tmp_path):
    detector = Detector.from_pretrained(image_size=224, device="cpu")
    job = job_of(detector.model, detector.classes, "onnx", 224)
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
    require_near(onnx_file.open_file(path, "cpu"), job)


@pytest.mark.slow
def test_openvino_computes_the_same_convolutions_in_8_bits_and_prints_nothing(tmp_path, capfd):
    job = job_of(lively_network(["ela_s"], shallow_yolox), NAMES, "openvino", 128)
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    path = tmp_path / "int8.xml"
    capfd.readouterr()  # what was printed by importing them here
    openvino_file.write(job, path)
    assert "".join(capfd.readouterr()) == ""
    convolutions = {
        node.get_friendly_name(): node.input_value(1).get_node()
        for node in openvino.Core().read_model(path).get_ops()
        if node.get_type_name() in openvino_file.QUANTIZED
    }
    in_float = {
        name for name, weights in convolutions.items() if weights.get_type_name() == "Constant"
    }
    assert in_float == set(filter(is_kept_in_float, convolutions))
    assert 0 < len(in_float) < len(convolutions) / 2
    require_near(openvino_file.open_file(path, "cpu"), job)
