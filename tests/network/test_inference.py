"""Faster ways of running a network find what the plain one finds."""

import numpy as np
import pytest
import torch

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings, evaluate
from yolox_ela.evaluate.loader import eval_loader
from yolox_ela.network.inference import PLAIN, Inference, predictor
from yolox_ela.network.model import build_yolox

CPU = torch.device("cpu")
SETTINGS = EvalSettings(image_size=320, score_threshold=0.01, nms_iou=0.65)


@pytest.fixture(scope="module")
def split(tiny_voc):
    """24 photographs."""
    return load_split(tiny_voc, ["2007/test"], VOC_CLASSES).subset(range(24))


def score(model, split, inference, batch_size=16):
    return evaluate(
        model, split, SETTINGS, device=CPU, batch_size=batch_size, workers=0, inference=inference
    )


@pytest.fixture(scope="module")
def plain(zero_shot_weights, split):
    network = build_yolox(len(VOC_CLASSES))
    network.load_state_dict(zero_shot_weights)
    return score(network.eval(), split, PLAIN)


def test_fused_detections_are_the_plain_ones(zero_shot, split, plain):
    results, detections = score(zero_shot, split, Inference())
    assert results["ap50"] == pytest.approx(plain[0]["ap50"], abs=1e-3)
    strong, wanted = detections.scores > 0.05, plain[1].scores > 0.05
    assert abs(int(strong.sum()) - int(wanted.sum())) <= 2, "but for a box at the threshold"


def test_rectangles_score_like_squares(zero_shot, split, plain):
    """Another context at the border, the same objects; and every image once."""
    results, detections = score(zero_shot, split, Inference(rectangular=True), batch_size=5)
    assert results["ap50"] == pytest.approx(plain[0]["ap50"], abs=0.02)
    assert set(detections.images) == set(plain[1].images)
    width, height = split.sizes[detections.images].T
    assert (detections.boxes.max(0) <= [width.max(), height.max()] * 2).all()


def test_bfloat16_predicts_like_float32(zero_shot, split):
    """Of a photograph; on a CPU without bfloat16 units that takes its time."""
    batch = next(iter(eval_loader(split, 192, 1, 0)))
    full = predictor(zero_shot, CPU, PLAIN)(batch.images)[0]
    low = predictor(zero_shot, CPU, Inference(precision="bf16"))(batch.images)[0]
    sure = full[:, 4] > 0.1
    assert sure.any()
    scores, boxes = (low - full)[sure, 4:].abs(), (low - full)[sure, :4].abs()
    assert scores.mean() < 0.005
    assert scores.max() < 0.2
    assert boxes.mean() < 1.0, "pixels"


def test_rectangles_are_as_small_as_their_images_allow(split):
    pixels, seen = 0, []
    for batch in eval_loader(split, 320, 4, 0, rectangular=True):
        height, width = batch.images.shape[2:]
        assert height % 32 == width % 32 == 0
        assert max(height, width) == 320
        pixels += batch.images.numel() // 3
        seen += batch.indices
    assert sorted(seen) == list(range(len(split)))
    assert pixels < 0.85 * len(split) * 320 * 320
    ratios = split.sizes[seen][:, 1] / split.sizes[seen][:, 0]
    assert (np.diff(ratios) >= 0).all()


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluating"])
def test_the_network_is_left_as_it_was(zero_shot, mode):
    zero_shot.train(mode)
    before = {name: tensor.clone() for name, tensor in zero_shot.state_dict().items()}
    predict = predictor(zero_shot, CPU, Inference(precision="bf16"))
    out = predict(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert out.shape == (1, 84, 25)
    assert out.dtype == torch.float32
    assert zero_shot.training is mode
    assert all(torch.equal(before[name], t) for name, t in zero_shot.state_dict().items())


def test_unknown_precision():
    with pytest.raises(UserError, match="fp64 is none of fp32"):
        Inference(precision="fp64")
