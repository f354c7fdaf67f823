"""Input sizes of multi-scale training, and batches resized to them."""

import pytest
import torch

from yolox_ela.augment.multiscale import RESIZE_INTERVAL, input_size, network_input
from yolox_ela.input_size import InputSize
from yolox_ela.recipe import Recipe


def test_input_sizes():
    recipe = Recipe()
    sizes = [input_size(step, recipe) for step in range(20_000)]
    squares = {(side, side) for side in range(480, 801, 32)}
    assert set(sizes) == squares, "640 plus or minus 160"
    for start in range(0, 1000, RESIZE_INTERVAL):
        assert len(set(sizes[start : start + RESIZE_INTERVAL])) == 1
    assert [input_size(step, Recipe(seed=1)) for step in range(1000)] != sizes[:1000]
    assert {input_size(step, Recipe(multiscale=0.0)) for step in range(100)} == {(640, 640)}


@pytest.mark.parametrize("size", [(480, 640), (320, 96), (96, 320)])
def test_rectangles_keep_the_ratio_of_their_sides_as_by_yolox(size):
    """Upstream's `random_resize` samples the height and scales the width; see its source."""
    recipe = Recipe(image_size=size, multiscale=0.25)
    sampled = {input_size(step, recipe) for step in range(0, 3000, RESIZE_INTERVAL)}
    units, reach = size[0] // 32, int(0.25 * size[0]) // 32
    factor = size[1] * 1.0 / size[0]
    upstream = {
        (32 * n, max(32, 32 * int(n * factor))) for n in range(units - reach, units + reach + 1)
    }
    assert sampled == upstream
    assert size in sampled


def test_no_side_becomes_zero():
    recipe = Recipe(image_size=(320, 32), multiscale=1.0)
    sampled = {input_size(step, recipe) for step in range(0, 5000, RESIZE_INTERVAL)}
    assert min(sampled) == (32, 32)
    assert max(sampled) == (640, 64)


@pytest.mark.parametrize("size", [32, 64, 96, (32, 96), (96, 64)])
def test_boxes_stay_on_their_pixels(size):
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    images[..., 16:48, 8:56] = 200
    targets = torch.tensor([[[7.0, 32.0, 32.0, 48.0, 32.0], [0.0] * 5]])
    pixels, scaled = network_input(images, targets, size)
    assert pixels.shape == (1, 3, *InputSize.of(size))
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
