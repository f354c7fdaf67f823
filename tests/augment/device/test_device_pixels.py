"""Batches rendered by torch equal those of the renderer of single samples."""

import numpy as np
import pytest
import torch
from warping import EXACT, MOST_LEVELS

from yolox_ela.augment.device.pixels import DeviceBank, render_batch
from yolox_ela.augment.device.plans import PlanBatch

RECIPES = {
    "default": {},
    "upright": {"degrees": 0.0, "shear": 0.0},
    "turned far": {"degrees": 180.0, "shear": 20.0, "translate": 0.5},
    "whole steps": {"degrees": 0.0, "shear": 0.0, "translate": 0.0, "mosaic_scale": (1.0, 1.0)},
    "small": {"mosaic_scale": (0.5, 0.5)},
    "large": {"mosaic_scale": (1.5, 1.5)},
    "own colours": {"hsv_prob": 0.0},
    "mirrored": {"flip_prob": 1.0},
    "not mirrored": {"flip_prob": 0.0},
}
# OpenCV rounds where a row's rest is too short for its vectors, and cuts off before: see colour.
VECTOR = 32


def render_plans(plans, bank, device="cpu"):
    """(B, H, W, 3) uint8 array."""
    samples = render_batch(PlanBatch.pack(plans).to(device), bank)
    return samples.permute(0, 2, 3, 1).cpu().numpy()


def rounded_columns(plan):
    """(W,) bool: the columns of a sample that OpenCV may round, whether mirrored first or last."""
    rounded = np.zeros(plan.output.width, dtype=bool)
    if plan.matrix is None:  # the width of a mosaic is a multiple of 32
        width = plan.tiles[0].size[0]
        rounded[width // VECTOR * VECTOR : width] = True
        rounded[: width % VECTOR] |= plan.mirror > 0
    return rounded


def assert_rendered(image_set, plans, samples):
    unequal = 0
    for plan, sample in zip(plans, samples, strict=True):
        expected = image_set.render(plan).astype(int)
        difference = np.abs(sample - expected)
        assert difference.max() <= MOST_LEVELS
        assert difference.mean() < 1
        unequal += (difference[:, ~rounded_columns(plan)] > 0).sum()
    # None on x86 with AVX2; others may round the warp's sums otherwise.
    assert unequal <= 1e-4 * samples.size or not EXACT


@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
def test_a_batch_shows_what_the_renderer_draws(image_sets, device, fields):
    image_set = image_sets[96]
    plans = image_set.plans(32, **fields)
    assert_rendered(image_set, plans, render_plans(plans, image_set.bank(device), device))


@pytest.mark.parametrize("size", [64, 128, (64, 160), (160, 96)])
def test_other_sizes(image_sets, device, size):
    image_set = image_sets[size]
    plans = image_set.plans(16, seed=1)
    assert_rendered(image_set, plans, render_plans(plans, image_set.bank(device), device))


def test_a_sample_is_the_same_alone_as_in_a_batch(image_sets, device):
    image_set = image_sets[64]
    bank = image_set.bank(device)
    plans = image_set.plans(12)
    together = render_plans(plans, bank, device)
    for number in (0, 5, 11):
        assert np.array_equal(
            render_plans(plans[number : number + 1], bank, device)[0], together[number]
        )


def test_a_bank_of_more_pixels_than_fit_32_bits(image_sets, tmp_path):
    image_set = image_sets[64]
    bank = image_set.bank("cpu")
    plans = image_set.plans(4)
    gap = 3 * 2**31  # bytes before the first image; a hole in a file, so they take no space
    row = np.memmap(tmp_path / "bank", np.uint8, "w+", shape=(gap + len(bank.pixels),))
    row[gap:] = bank.pixels.numpy()
    far = DeviceBank(torch.from_numpy(row), bank.starts + gap, bank.sizes)
    assert np.array_equal(render_plans(plans, far), render_plans(plans, bank))


def test_samples_lie_in_channels_last_memory(image_sets, device):
    image_set = image_sets[64]
    plans = PlanBatch.pack(image_set.plans(3)).to(device)
    samples = render_batch(plans, image_set.bank(device))
    assert (samples.dtype, samples.shape) == (torch.uint8, (3, 3, 64, 64))
    assert samples.is_contiguous(memory_format=torch.channels_last)


def test_nothing_is_read_back_to_the_host(image_sets, shapes_alone):
    image_set = image_sets[64]
    with torch.utils._python_dispatch._disable_current_modes():
        plans, bank = PlanBatch.pack(image_set.plans(3)).to("meta"), image_set.bank("meta")
    assert render_batch(plans, bank).shape == (3, 3, 64, 64)
    assert shapes_alone.operators > 100


def test_it_compiles_as_a_whole_once_for_all_batches(image_sets):
    image_set = image_sets[64]
    bank = image_set.bank("cpu")
    batches = [PlanBatch.pack(image_set.plans(3, seed)) for seed in range(3)]
    compiled = torch.compile(render_batch, fullgraph=True, backend="aot_eager")
    for number, plans in enumerate(batches):
        stance = "fail_on_recompile" if number else "default"
        with torch.compiler.set_stance(stance):
            assert torch.equal(compiled(plans, bank), render_batch(plans, bank))
