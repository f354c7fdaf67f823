"""Networks for normalised RGB: recognised by their statistics, the same function on BGR 0-255."""

from pathlib import Path

import numpy as np
import pytest
import torch
from legacy_stem import SHIFT, STD, unfold
from PIL import Image

from yolox_ela.errors import UserError
from yolox_ela.network.model import BATCHNORM_EPS, build_yolox
from yolox_ela.network.normalisation import (
    FOLDED,
    GAMMA,
    MEAN,
    VARIANCE,
    WEIGHT,
    to_bgr_bytes,
)
from yolox_ela.network.weights import read_weights, weights_digest
from yolox_ela.recipe import Recipe

SOURCE = Path("weights.pth")


@pytest.fixture(scope="module")
def folded(shared):
    """The legacy release, folded elsewhere."""
    return read_weights(shared / "weights" / "yolox_nano_coco.pth")


def test_the_folded_file_comes_back(folded):
    """Of the same bits but for the mean, whose last ones its shift has taken."""
    again = to_bgr_bytes(unfold(folded), SOURCE)
    for name in (WEIGHT, GAMMA, VARIANCE):
        assert torch.equal(again[name], folded[name]), name
    assert torch.allclose(again[MEAN], folded[MEAN], rtol=2e-5, atol=1e-5)
    assert weights_digest(again, without=FOLDED) == weights_digest(folded, without=FOLDED)


def test_same_boxes_on_a_photograph(folded, tiny_voc):
    """The whole network, on each its own input; grey all around keeps the border away."""
    picture = Image.open(next((tiny_voc / "VOCdevkit/VOC2007/JPEGImages").glob("*.jpg")))
    rgb = np.full((352, 352, 3), 114, np.uint8)
    rgb[48:-48, 48:-48] = np.asarray(picture.convert("RGB").resize((256, 256)))
    pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None].double()
    legacy = unfold(folded)
    answers = []
    for state, images in (
        (legacy, (pixels / 255 - SHIFT.view(3, 1, 1)) / STD.view(3, 1, 1)),
        (to_bgr_bytes(legacy, SOURCE), pixels.flip(1)),
    ):
        model = build_yolox(80).eval()
        model.load_state_dict(state)
        with torch.no_grad():
            answers.append((model.backbone.backbone.stem(images.float()), model(images.float())))
    (stem, boxes), (folded_stem, folded_boxes) = answers
    inner = (..., slice(1, -1), slice(1, -1))
    assert torch.allclose(stem[inner], folded_stem[inner], atol=2e-4)
    scores = boxes[..., 4:5] * boxes[..., 5:]
    best = scores.amax(2).topk(5).indices[0]
    assert torch.allclose(boxes[0, best], folded_boxes[0, best], rtol=0.02, atol=0.02)
    assert scores.max() > 0.3


def test_the_stem_keeps_its_magnitude(folded):
    """Or its gradient would be 58 times larger, and a first step of training destroy it."""
    legacy = unfold(folded, scale=0.01)
    again = to_bgr_bytes(legacy, SOURCE)
    assert float(again[WEIGHT].norm()) == pytest.approx(float(legacy[WEIGHT].norm()), rel=1e-6)
    assert float(again[WEIGHT].norm()) != pytest.approx(float(folded[WEIGHT].norm()), rel=0.1)


def rescaled(state, scale):
    """The same network, its convolution and statistics in another unit."""
    gamma = state[GAMMA] * ((state[VARIANCE] * scale**2 + BATCHNORM_EPS) / scale**2).sqrt()
    return state | {
        WEIGHT: state[WEIGHT] * scale,
        MEAN: state[MEAN] * scale,
        VARIANCE: state[VARIANCE] * scale**2,
        GAMMA: gamma / (state[VARIANCE] + BATCHNORM_EPS).sqrt(),
    }


class TestRecognition:
    @pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
    @pytest.mark.parametrize("name", ["yolox_nano_coco", "yolox_nano_coco_release"])
    def test_bgr_is_left_alone(self, shared, name, scale):
        state = rescaled(read_weights(shared / "weights" / f"{name}.pth"), scale)
        assert to_bgr_bytes(state, SOURCE) is state

    @pytest.mark.parametrize("scale", [0.0003, 1 / 57.65, 1.0])
    @pytest.mark.parametrize("name", ["yolox_nano_coco", "yolox_nano_coco_release"])
    def test_normalised_rgb_is_folded(self, shared, name, scale):
        state = unfold(read_weights(shared / "weights" / f"{name}.pth"), scale)
        assert to_bgr_bytes(state, SOURCE) is not state

    def test_pixels_in_0_to_1(self, folded):
        state = folded | {MEAN: folded[MEAN] / 255, VARIANCE: folded[VARIANCE] / 255**2}
        with pytest.raises(UserError, match=r"weights\.pth was trained on pixels of another range"):
            to_bgr_bytes(state, SOURCE)

    def test_untrained_statistics_say_nothing(self):
        state = build_yolox(3).state_dict()
        assert to_bgr_bytes(state, SOURCE) is state

    def test_a_dead_channel_does_not_matter(self, folded):
        state = {name: tensor.clone() for name, tensor in unfold(folded).items()}
        for name in (WEIGHT, VARIANCE):
            state[name][3] = 0
        again = to_bgr_bytes(state, SOURCE)
        assert again is not state
        assert all(again[name].isfinite().all() for name in FOLDED)

    def test_other_networks(self):
        state = {"conv1.weight": torch.zeros(64, 3, 7, 7)}
        assert to_bgr_bytes(state, SOURCE) is state


def test_runs_of_this_package_are_never_folded(folded, tmp_path):
    """Whatever their statistics: they have seen BGR."""
    path = tmp_path / "last.pth"
    odd = unfold(folded)
    torch.save({"model": odd, "recipe": Recipe().to_dict()}, path)
    assert torch.equal(read_weights(path)[WEIGHT], odd[WEIGHT])
    torch.save({"model": odd}, path)
    assert not torch.equal(read_weights(path)[WEIGHT], odd[WEIGHT])
