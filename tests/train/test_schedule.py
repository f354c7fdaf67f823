"""The learning rate, against upstream's schedule and by their properties."""

import pytest
from yolox.utils.lr_scheduler import LRScheduler

from yolox_ela.recipe import Recipe
from yolox_ela.train.schedule import learning_rate

STEPS_PER_EPOCH = 10


def test_follows_upstream():
    recipe = Recipe(epochs=300)
    upstream = LRScheduler(
        "yoloxwarmcos",
        recipe.peak_lr,
        STEPS_PER_EPOCH,
        recipe.epochs,
        warmup_epochs=5,
        warmup_lr_start=0,
        no_aug_epochs=15,
        min_lr_ratio=recipe.min_lr_ratio,
    )
    total = recipe.epochs * STEPS_PER_EPOCH
    for step in range(total):
        # During warm-up upstream counts from 0 and so spends its first step at a rate of 0.
        shifted = step + 1 if step < 5 * STEPS_PER_EPOCH else step
        assert learning_rate(step, total, recipe) == pytest.approx(upstream.update_lr(shifted))


def test_paper_recipe_in_numbers():
    recipe, total = Recipe(), 72 * 314
    rates = [learning_rate(step, total, recipe) for step in range(total)]
    assert max(rates) == pytest.approx(0.02)
    assert rates.index(max(rates)) == pytest.approx(1.2 * 314, abs=1)
    assert 0 < rates[0] < 1e-6
    assert rates[-4 * 314 :] == [pytest.approx(0.001)] * 4 * 314
    assert rates[-4 * 314 - 1] > 0.001


@pytest.mark.parametrize("epochs", [1, 2, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.5])
def test_short_runs_have_positive_finite_rates(epochs, warmup):
    recipe = Recipe(epochs=epochs, warmup_fraction=warmup)
    total = epochs * 3
    rates = [learning_rate(step, total, recipe) for step in range(total)]
    assert all(0 < rate <= recipe.peak_lr for rate in rates)


def test_warm_up_in_steps_takes_the_place_of_its_share():
    recipe, total = Recipe(warmup_steps=30, warmup_fraction=0.5), 1000
    rates = [learning_rate(step, total, recipe) for step in range(total)]
    assert rates.index(max(rates)) in (29, 30)
    assert rates[14] == pytest.approx(recipe.peak_lr / 4), "half of the way, quadratic"
    endless = Recipe(warmup_steps=10**6)
    short = [learning_rate(step, 144, endless) for step in range(144)]
    assert max(short) == short[135] == pytest.approx(recipe.peak_lr)
    assert short[136:] == [pytest.approx(recipe.peak_lr * recipe.min_lr_ratio)] * 8


def test_rate_scales_with_the_batch():
    assert learning_rate(500, 1000, Recipe(batch_size=64)) == pytest.approx(
        4 * learning_rate(500, 1000, Recipe(batch_size=16))
    )
