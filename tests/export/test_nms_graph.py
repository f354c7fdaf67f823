"""NMS inside an ONNX file decides as the package's own postprocessing does."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from yolox_ela.evaluate.postprocess import postprocess
from yolox_ela.export.metadata import DETECTION_OUTPUTS, OUTPUT, Metadata
from yolox_ela.export.onnx_nms import append_nms
from yolox_ela.export.opened import Opened
from yolox_ela.export.runtimes import Predictions

CLASSES = ("a", "b", "c")


def session(score_threshold, nms_iou):
    """A graph that takes decoded predictions and gives detections."""
    shape = ["n", "a", 5 + len(CLASSES)]
    given = helper.make_tensor_value_info("given", TensorProto.FLOAT, shape)
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)
    node = helper.make_node("Identity", ["given"], [OUTPUT])
    graph = helper.make_graph([node], "test", [given], [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    append_nms(model, len(CLASSES), score_threshold, nms_iou)
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString())


def opened(score_threshold, nms_iou, predictions):
    """What a file answers whose network predicts this."""
    graph = session(score_threshold, nms_iou)

    def run(images):
        answers = graph.run(list(DETECTION_OUTPUTS), {"given": predictions.numpy()})
        return tuple(map(torch.from_numpy, answers))

    meta = Metadata(CLASSES, (32, 32), "nms", 0, False, score_threshold, nms_iou)
    return Opened(meta, run)


@pytest.mark.parametrize("score_threshold", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("nms_iou", [0.3, 0.65])
def test_detections_are_those_of_postprocess(score_threshold, nms_iou):
    """Many overlapping boxes, three classes, and three pictures, one of them empty."""
    generator = torch.Generator().manual_seed(3)
    predictions = torch.rand(3, 200, 8, generator=generator)
    predictions[..., :2] *= 60
    predictions[..., 2:4] = 5 + 40 * predictions[..., 2:4]
    predictions[1, :, 4] = 0
    wanted = postprocess(predictions, max(score_threshold, 1e-9), nms_iou)
    run = Predictions(opened(score_threshold, nms_iou, predictions))
    got = postprocess(run(torch.zeros(3, 3, 32, 32)), score_threshold, nms_iou)
    assert [len(rows) for rows in got] == [len(rows) for rows in wanted]
    assert len(got[0]) > 10
    assert len(got[1]) == 0
    for ours, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_nothing_found():
    run = Predictions(opened(0.5, 0.5, torch.zeros(2, 10, 8)))
    predictions = run(torch.zeros(2, 3, 32, 32))
    assert predictions.shape == (2, 0, 8)
    assert all(len(rows) == 0 for rows in postprocess(predictions, 0.5, 0.5))


def test_types_and_best_first():
    predictions = torch.tensor([[[16.0, 16, 8, 8, 0.5, 0, 0.9, 0], [5, 5, 4, 4, 0.9, 0, 1, 0]]])
    boxes, scores, labels, images = session(0.1, 0.5).run(None, {"given": predictions.numpy()})
    np.testing.assert_allclose(boxes, [[3, 3, 7, 7], [12, 12, 20, 20]])
    np.testing.assert_allclose(scores, [0.9, 0.45])
    assert labels.tolist() == [1, 1]
    assert images.tolist() == [0, 0]
    assert labels.dtype == images.dtype == np.int64
