"""Input sizes of multi-scale training, and batches resized to them."""

import pytest
import torch

from yolox_ela.augment.multiscale import RESIZE_INTERVAL, input_size, network_input
from yolox_ela.recipe import Recipe


def test_input_sizes():
    recipe = Recipe()
    sizes = [input_size(step, recipe) for step in range(20_000)]
    assert set(sizes) == set(range(480, 801, 32)), "640 plus or minus 160"
    for start in range(0, 1000, RESIZE_INTERVAL):
        assert len(set(sizes[start : start + RESIZE_INTERVAL])) == 1
    assert [input_size(step, Recipe(seed=1)) for step in range(1000)] != sizes[:1000]
    assert {input_size(step, Recipe(multiscale=0.0)) for step in range(100)} == {640}


@pytest.mark.parametrize("side", [32, 64, 96])
def test_boxes_stay_on_their_pixels(side):
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    images[..., 16:48, 8:56] = 200
    targets = torch.tensor([[[7.0, 32.0, 32.0, 48.0, 32.0], [0.0] * 5]])
    pixels, scaled = network_input(images, targets, side)
    assert pixels.shape == (1, 3, side, side)
    assert pixels.dtype == torch.float32
    label, x, y, width, height = scaled[0, 0].tolist()
    assert label == 7
    rows, columns = torch.nonzero(pixels[0, 0] > 100, as_tuple=True)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert seen == [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    assert not scaled[0, 1].any()


def test_the_full_size_is_left_alone():
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    targets = torch.rand(2, 3, 5)
    pixels, same = network_input(images, targets, 64)
    assert torch.equal(pixels, images.float())
    assert torch.equal(same, targets)
