"""Intervals over seeds and images: against closed forms, and their coverage by simulation."""

import numpy as np
import pytest

from studies.coverage import SITUATIONS, plain_interval, simulate
from yolox_ela.study.intervals import Spread, estimate, spread_of_runs, spread_within_methods
from yolox_ela.tables.paired import paired_difference

SCORES = np.array([[70.0, 70.6, 69.9], [70.4, 71.3, 70.1]])  # 2 methods, 3 seeds


def same_images(differences, resamples=50):
    """Resamples of images that are all alike."""
    return np.tile(differences, (resamples, 1))


def test_two_methods_without_image_noise_are_a_paired_t_test():
    differences = SCORES[1] - SCORES[0]
    spread = spread_of_runs(SCORES)
    found = estimate(differences, same_images(differences), spread, runs=2, images=1500)
    first, second = (dict(enumerate(row)) for row in SCORES)
    expected = paired_difference(second, first)
    assert spread.degrees == 2
    assert found.value == pytest.approx(expected.mean)
    assert found.half_width == pytest.approx(expected.half_width)
    assert found.covers_seeds


def test_seeds_are_pooled_over_methods():
    """Mean square of what remains without the means of rows and columns."""
    scores = np.random.default_rng(0).normal(70, 1, (4, 3))
    rest = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    spread = spread_of_runs(scores)
    assert spread.degrees == 6
    assert spread.variance == pytest.approx((rest**2).sum() / 6)
    within = spread_within_methods(scores)
    assert within.degrees == 8
    assert within.variance == pytest.approx(scores.var(axis=1, ddof=1).mean())


def test_what_a_seed_does_to_all_methods_does_not_widen():
    shifted = SCORES + np.array([0.0, 5.0, -3.0])
    assert spread_of_runs(shifted).variance == pytest.approx(spread_of_runs(SCORES).variance)


def test_a_missing_run_takes_its_degree_of_freedom():
    scores = np.random.default_rng(1).normal(70, 1, (4, 3))
    scores[2, 1] = np.nan
    spread = spread_of_runs(scores)
    assert spread.degrees == 5
    assert np.isfinite(spread.variance)


def test_one_seed_says_nothing_of_seeds():
    spread = spread_of_runs(SCORES[:, :1])
    assert spread == Spread(0.0, 0)
    resamples = np.random.default_rng(0).normal(0.4, 0.5, (4000, 1))
    found = estimate(np.array([0.4]), resamples, spread, runs=2, images=1500)
    assert not found.covers_seeds
    assert found.half_width == pytest.approx(1.96 * 0.5, rel=0.05)


def test_image_noise_of_single_runs_is_counted_once():
    """It is in the spread of the runs, and the resamples show it again."""
    rng = np.random.default_rng(0)
    resamples = rng.normal(0, 0.3, (4000, 3))  # of three seeds, with nothing in common
    spread = Spread(0.3**2 / 2, 1000)
    found = estimate(np.zeros(3), resamples, spread, runs=2, images=1500)
    assert found.half_width == pytest.approx(1.96 * 0.3 / 3**0.5, rel=0.05)
    common = resamples + rng.normal(0, 0.4, (4000, 1))
    found = estimate(np.zeros(3), common, spread, runs=2, images=1500)
    assert found.half_width == pytest.approx(1.96 * (0.3**2 / 3 + 0.4**2) ** 0.5, rel=0.05)


def test_intervals_hold_the_true_difference():
    """2,000 simulated studies of 4 methods and 3 seeds, and images that differ."""
    assert 0.93 <= simulate(SITUATIONS["all together"]) <= 0.97


def test_a_plain_bootstrap_over_three_seeds_is_too_narrow():
    """So that the simulation above can fail."""
    seeds_alone = SITUATIONS["seeds alone"]
    assert simulate(seeds_alone, plain_interval, studies=400) < 0.88
    assert 0.92 <= simulate(seeds_alone, studies=400) <= 0.98
