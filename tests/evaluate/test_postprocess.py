"""From predictions to boxes: by hand, and against upstream's loop."""

import pytest
import torch
from yolox.utils import postprocess as upstream_postprocess

from yolox_ela.evaluate import postprocess as module
from yolox_ela.evaluate.postprocess import postprocess

# Predictions are centre, size, objectness and two class scores.
NOTHING = (5, 5, 2, 2, 0, 0, 0)


def run(*images, threshold=0.1, nms_iou=0.5):
    return postprocess(torch.tensor(images, dtype=torch.float32), threshold, nms_iou)


def test_corners_scores_labels():
    (rows,) = run([NOTHING, [30, 40, 20, 10, 0.5, 0.2, 0.8]])
    torch.testing.assert_close(rows, torch.tensor([[20, 35, 40, 45, 0.4, 1]]))


def test_threshold_is_on_the_product():
    (rows,) = run([[30, 40, 20, 10, 0.5, 0, 0.8], NOTHING], threshold=0.41)
    assert rows.shape == (0, 6)
    (rows,) = run([[30, 40, 20, 10, 0.5, 0, 0.8], NOTHING], threshold=0.39)
    assert len(rows) == 1


def test_nms_within_a_class():
    same = [[30, 40, 20, 20, 0.5, 1, 0], [31, 40, 20, 20, 0.9, 1, 0]]
    (rows,) = run(same)
    assert rows[:, 4].tolist() == pytest.approx([0.9])
    (rows,) = run(same, nms_iou=0.95)  # they overlap by 0.905
    assert rows[:, 4].tolist() == pytest.approx([0.9, 0.5])
    (rows,) = run([same[0], [31, 40, 20, 20, 0.9, 0, 1]])
    assert rows[:, 5].tolist() == [1, 0], "another class stays"


def test_images_are_apart():
    empty = [[30, 40, 20, 10, 0, 0, 0]] * 2
    full = [[30, 40, 20, 10, 0.9, 1, 0], [90, 40, 20, 10, 0.8, 0, 1]]
    found = run(empty, full, empty)
    assert [rows.shape for rows in found] == [(0, 6), (2, 6), (0, 6)]


def test_predictions_are_not_changed():
    predictions = torch.rand(1, 50, 25) * 50
    before = predictions.clone()
    postprocess(predictions, 0.1, 0.5)
    assert torch.equal(predictions, before)


def crowd(seed, batch=3, anchors=2000, classes=20):
    """Predictions full of overlaps, some boxes far outside the image, as networks give them."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.rand(batch, anchors, 2, generator=generator) * 700 - 30
    sizes = torch.exp(torch.randn(batch, anchors, 2, generator=generator) + 3.5)
    scores = torch.rand(batch, anchors, 1 + classes, generator=generator) ** 3
    scores[0] *= 0.0 if seed == 0 else 1.0  # an image without detections
    return torch.cat([centers, sizes, scores], 2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.01, 0.3])
@pytest.mark.parametrize("device", ["cpu", "another"])
def test_equals_upstream(seed, threshold, device, monkeypatch):
    """Few boxes and many, which upstream treats differently; and the way of other devices."""
    if device == "another":
        monkeypatch.setattr(module, "QUADRATIC", ())
    predictions = crowd(seed)
    wanted = upstream_postprocess(predictions.clone(), 20, threshold, 0.65)
    found = postprocess(predictions, threshold, 0.65)
    for mine, theirs in zip(found, wanted, strict=True):
        if theirs is None:
            assert len(mine) == 0
            continue
        torch.testing.assert_close(mine[:, :4], theirs[:, :4])
        torch.testing.assert_close(mine[:, 4], theirs[:, 4] * theirs[:, 5])
        assert torch.equal(mine[:, 5], theirs[:, 6])
