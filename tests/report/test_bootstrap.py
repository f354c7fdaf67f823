"""The bootstrap over images, against scoring the resampled images as a set of their own."""

from dataclasses import replace

import numpy as np
import pytest

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.report.bootstrap import bootstrap_differences, interval, resampled_scores


def resampled(split, found, times):
    """A set in which each image, with its objects and detections, is there that many times."""
    images = np.repeat(np.arange(len(split)), times)
    rows = [np.flatnonzero(found.images == image) for image in images]
    of_all = np.concatenate([np.zeros(0, np.int64), *rows])
    copies = np.repeat(np.arange(len(images)), [len(r) for r in rows])
    detections = Detections(copies, found.boxes[of_all], found.scores[of_all], found.labels[of_all])
    return split.subset(images.tolist()), detections


@pytest.mark.parametrize("seed", range(8))
def test_weights_are_copies_of_images(random_run, seed):
    split, found = random_run(seed, images=15)
    count = len(split)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=6)
    weights = np.concatenate([weights, np.ones((1, count), int), np.eye(count, dtype=int)[:3]])
    fast = resampled_scores(found, score_split(found, split), split, weights)
    for row, times in enumerate(weights):
        copies, detections = resampled(split, found, times)
        slow = score_split(detections, copies)
        for metric, aps in zip(METRICS, fast, strict=True):
            np.testing.assert_allclose(aps[row], getattr(slow, metric), atol=1e-12)


def with_scores(split, found, factors):
    changed = replace(found, scores=(found.scores * factors).astype(np.float32))
    return changed, score_split(changed, split)


def good_and_bad(split, found):
    """The detections as they are, and with low scores for those that are true."""
    good = with_scores(split, found, 1.0)
    true = good[1].verdicts()[0] == Verdict.TRUE
    return good, with_scores(split, found, np.where(true, 0.2, 1.0))


def test_a_run_does_not_differ_from_itself(random_run):
    split, found = random_run(1)
    run = (found, score_split(found, split))
    for difference in bootstrap_differences([run], [run], split, resamples=50).values():
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
        assert not difference.class_values.any()


def test_a_clear_difference_is_told_from_none(random_run):
    split, found = random_run(2, images=80)
    good, bad = good_and_bad(split, found)
    forth = bootstrap_differences([bad], [good], split, resamples=200)["ap50"]
    assert 0 < forth.low <= forth.value <= forth.high
    assert forth.value == pytest.approx(forth.second - forth.first)
    assert forth.second == pytest.approx(good[1].ap50.mean())
    assert (forth.class_low <= forth.class_high).all()
    back = bootstrap_differences([good], [bad], split, resamples=200)["ap50"]
    assert back.value == pytest.approx(-forth.value)
    assert back.high < 0


def test_the_same_seed_gives_the_same_samples(random_run):
    split, found = random_run(3)
    rng = np.random.default_rng(0)
    runs = [with_scores(split, found, rng.uniform(0.5, 1, len(found))) for _ in range(2)]
    first, again, other = (
        bootstrap_differences(runs[:1], runs[1:], split, resamples=30, seed=seed)["ap50"].samples
        for seed in (5, 5, 6)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_seeds_are_pooled(random_run):
    """Their mean is compared, and seeds that differ widen the interval."""
    split, found = random_run(4, images=60)
    good, bad = good_and_bad(split, found)
    pooled = bootstrap_differences([good], [good, bad], split, resamples=200)["ap50"]
    assert pooled.second == pytest.approx((good[1].ap50.mean() + bad[1].ap50.mean()) / 2)
    single = bootstrap_differences([good], [bad], split, resamples=200)["ap50"]
    alike = bootstrap_differences([good], [bad, bad], split, resamples=200)["ap50"]
    assert alike.value == pytest.approx(single.value)
    assert pooled.samples.std() > 1.5 * alike.samples.std()


def test_interval_undoes_the_bias_of_the_samples():
    samples = np.random.default_rng(0).normal(1.0, 1.0, 4000)
    low, high = interval(samples, 1.0, 0.95)
    assert (low, high) == pytest.approx((-0.96, 2.96), abs=0.15)
    low, high = interval(samples, 0.5, 0.95)  # samples half a deviation too high
    assert (low, high) == pytest.approx((-1.96, 1.96), abs=0.2)
    assert np.isnan(interval(np.full(5, np.nan), 0.5, 0.95)).all()


def test_a_class_without_objects_has_no_difference(build_split, build_detections):
    box = (10, 10, 50, 50)
    split = build_split([[(0, box)], [(0, box)]])
    found = build_detections([(0, 0, 0.9, box), (1, 1, 0.5, box)])
    run = (found, score_split(found, split))
    difference = bootstrap_differences([run], [run], split, resamples=20)["ap50"]
    assert np.isnan(difference.class_values).tolist() == [False, True, True]
    assert difference.first == pytest.approx(0.5)


def test_a_side_without_runs_is_refused(random_run):
    split, found = random_run(1)
    with pytest.raises(ValueError, match="at least one run"):
        bootstrap_differences([], [(found, score_split(found, split))], split)
