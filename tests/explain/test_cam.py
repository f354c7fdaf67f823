"""Class activation maps are those of their papers' formulas, at any place of the network."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from yolox_ela.explain.cam import METHODS, grad_cam, layer_cam
from yolox_ela.explain.places import run_with_maps
from yolox_ela.explain.targets import detections_with_anchors, score_of
from yolox_ela.images.letterbox import letterbox
from yolox_ela.sizes import SITES


@pytest.fixture(scope="module")
def batch(people):
    pixels, _ = letterbox(people, 192)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()


def test_formulas_on_a_linear_score():
    """The gradient of sum(w * a) is w, so both maps can be written down."""
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=(2, 5, 4, 3))
    values = torch.from_numpy(a).requires_grad_()
    (gradient,) = torch.autograd.grad((torch.from_numpy(w) * values).sum(), values)
    expected_layer = np.zeros((4, 3))
    expected_grad = np.zeros((4, 3))
    for channel in range(5):
        for y in range(4):
            for x in range(3):
                expected_layer[y, x] += max(w[channel, y, x], 0) * a[channel, y, x]
                expected_grad[y, x] += w[channel].sum() / 12 * a[channel, y, x]
    found = layer_cam(values, gradient).detach().numpy()
    np.testing.assert_allclose(found, np.maximum(expected_layer, 0), atol=1e-12)
    found = grad_cam(values, gradient).detach().numpy()
    np.testing.assert_allclose(found, np.maximum(expected_grad, 0), atol=1e-12)


def test_the_explained_score_is_that_of_the_detection(detector, batch):
    predictions = run_with_maps(detector.model, batch, []).predictions
    rows, anchors = detections_with_anchors(predictions, 0.01, 0.45)
    assert len(rows) > 1
    assert len(set(anchors)) == len(rows)
    for row, anchor in zip(rows, anchors, strict=True):
        assert float(score_of(predictions, anchor, int(row[5])).detach()) == float(row[4])


@pytest.mark.parametrize("site", SITES)
def test_gradients_are_finite_differences(gated_detector, batch, site):
    """The score changes as the gradient says if one value behind the site's attention does."""
    model = gated_detector.model
    passed = run_with_maps(model, batch, [site])
    rows, anchors = detections_with_anchors(passed.predictions, 0.01, 0.45)
    label = int(rows[0, 5])
    score = score_of(passed.predictions, anchors[0], label)
    values = passed.maps[site]
    (gradient,) = torch.autograd.grad(score, values)
    place = np.unravel_index(int(gradient.abs().argmax()), gradient.shape)
    step = 0.02

    def changed(by):
        def look(name, module, before, after):
            if name != site:
                return after
            after = after.clone()
            after[place] += by
            return after

        with torch.no_grad(), model.backbone.watched(look):
            return float(score_of(model(batch)[0], anchors[0], label))

    difference = (changed(step) - changed(-step)) / (2 * step)
    assert difference == pytest.approx(float(gradient[place]), rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_equal_to_pytorch_grad_cam(detector, batch, method):
    """At a module, where that library works too; it stretches maps to about 0-1."""
    library = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    place = "backbone.C3_p3"
    passed = run_with_maps(detector.model, batch, [place])
    rows, (anchor, *_) = detections_with_anchors(passed.predictions, 0.3, 0.45)
    label = int(rows[0, 5])
    values = passed.maps[place]
    (gradient,) = torch.autograd.grad(score_of(passed.predictions, anchor, label), values)
    ours = METHODS[method](values[0], gradient[0]).detach()
    # It takes several layers and their mean, and reads the targets' scores off the output.
    cam = {"gradcam": library.GradCAM, "layercam": library.LayerCAM}[method]
    theirs = cam(detector.model, [detector.model.get_submodule(place)])(
        batch, [lambda output: score_of(output, anchor, label)]
    )[0]
    stretched = (ours - ours.min()) / (ours.max() - ours.min())
    expected = F.interpolate(stretched[None, None], theirs.shape, mode="bilinear")[0, 0].numpy()
    assert ours.max() > 0
    # It divides small maps by too much, so each is compared with its own largest value.
    np.testing.assert_allclose(theirs / theirs.max(), expected / expected.max(), atol=2e-3)
