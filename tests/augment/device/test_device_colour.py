"""The shift of colours in torch is OpenCV's."""

import itertools

import numpy as np
import pytest
import torch

from yolox_ela.augment.device.colour import shift_hsv
from yolox_ela.augment.render import Colors

SHIFTS = [(4, 29, 29), (-4, -29, -29), (5, 0, 0), (0, 13, 0), (0, 0, -30), (90, -170, 1)]


def shifted_in_a_batch(image, shifts, device):
    """(H, W, 3) uint8 by way of a batch of two, whose other sample is shifted otherwise."""
    planes = torch.from_numpy(image).to(device).int().expand(2, -1, -1, -1).unbind(3)
    batch = shift_hsv(list(planes), torch.tensor([(1, 2, 3), shifts], device=device).int())
    return torch.stack(batch, dim=3)[1].cpu().numpy()


def shifted_by_opencv(image, shifts):
    result = np.empty_like(image)
    Colors(image.shape[0] * image.shape[1]).shift(image, shifts, result)
    return result


def colours(generator):
    """(H, 96, 3) uint8: every 8th level of each channel, all greys, and random ones."""
    levels = [*range(0, 256, 8), 255]
    grid = np.array(list(itertools.product(levels, repeat=3)))
    greys = np.repeat(np.arange(256)[:, None], 3, axis=1)
    near_greys = greys + generator.integers(-2, 3, (256, 3))
    chosen = np.concatenate([grid, greys, near_greys, generator.integers(0, 256, (60000, 3))])
    return np.resize(chosen.clip(0, 255), (len(chosen) // 96 + 1, 96, 3)).astype(np.uint8)


@pytest.mark.parametrize("shifts", SHIFTS)
def test_every_colour_is_shifted_as_by_opencv(device, shifts):
    image = colours(np.random.default_rng(0))
    difference = np.abs(
        shifted_in_a_batch(image, shifts, device) - shifted_by_opencv(image, shifts).astype(int)
    )
    assert difference.max() <= 1
    # None on x86 with AVX2; a processor without fused multiply-add rounds some otherwise.
    assert (difference > 0).mean() <= 1e-4


def test_images_of_any_width_are_equal_to_one_level(device):
    image = np.random.default_rng(0).integers(0, 256, (300, 45, 3), dtype=np.uint8)
    for shifts in SHIFTS:
        difference = shifted_in_a_batch(image, shifts, device) - shifted_by_opencv(
            image, shifts
        ).astype(int)
        assert np.abs(difference).max() <= 1
        assert not difference[:, :32].any()


def test_hue_wraps_and_grey_has_none(device):
    red_and_grey = np.array([[(0, 0, 255), (77, 77, 77)]], dtype=np.uint8)
    for hue in (-120, -60, 60, 120):
        turned = {0: (0, 0, 255), 60: (0, 255, 0), 120: (255, 0, 0)}[hue % 180]
        assert shifted_in_a_batch(red_and_grey, (hue, 0, 0), device).tolist() == [
            [[*turned], [77, 77, 77]]
        ]
