"""A Detector runs whatever maps images to predictions."""

import numpy as np
import pytest
import torch

from yolox_ela.errors import UserError
from yolox_ela.network.runner import Runner
from yolox_ela.predict import Detector


def test_another_runtime_stands_in_for_the_network():
    """It gets letterboxed uint8 BGR images, at most `batch` of them; its boxes are scaled back."""
    given = []

    def run(images):
        given.append(images)
        box = torch.tensor([32.0, 16.0, 20.0, 10.0, 0.9, 0.1, 0.8])
        return box.repeat(len(images), 1, 1)

    detector = Detector(Runner(run, ("cat", "dog"), 64, batch=2))
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, :, 0] = 250
    found = detector([picture] * 5)
    assert [tuple(images.shape) for images in given] == [(2, 3, 64, 64)] * 2 + [(1, 3, 64, 64)]
    assert given[0].dtype == torch.uint8
    assert given[0][0, :, 10, 10].tolist() == [250, 0, 0]
    assert given[0][0, :, 40, 10].tolist() == [114] * 3
    for one in found:
        assert one.names == ("dog",)
        np.testing.assert_allclose(one.boxes, [[68.75, 34.375, 131.25, 65.625]])
        np.testing.assert_allclose(one.scores, [0.72], rtol=1e-6)
    with pytest.raises(UserError, match="exported file"):
        _ = detector.model


@pytest.mark.parametrize("place", [4, 6])
def test_scores_that_are_not_finite_are_no_empty_picture(place):
    def run(images):
        rows = torch.tensor([[32.0, 16.0, 20.0, 10.0, 0.9, 0.1, 0.8]] * 2)
        rows[1, place] = float("nan")
        return rows.repeat(len(images), 1, 1)

    detector = Detector(Runner(run, ("cat", "dog"), 64))
    with pytest.raises(UserError, match=r"scores are not finite .* weights of an earlier epoch"):
        detector(np.zeros((50, 50, 3), np.uint8))


def test_boxes_that_are_not_finite_where_nothing_is():
    """A width of 16 bits overflows where an anchor has found nothing."""

    def run(images):
        rows = torch.tensor([[32.0, 16.0, 20.0, 10.0, 0.9, 0.1, 0.8]] * 2)
        rows[1] = torch.tensor([1.0, 1.0, float("inf"), 1.0, 0.0, 0.1, 0.1])
        return rows.repeat(len(images), 1, 1)

    (found,) = Detector(Runner(run, ("cat", "dog"), 64))([np.zeros((50, 50, 3), np.uint8)])
    assert found.names == ("dog",)
