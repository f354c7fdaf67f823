"""Properties that average precision must have, by both sets of rules."""

import numpy as np
import pytest

from yolox_ela.evaluate.average_precision import (
    all_points,
    average_precision,
    eleven_point,
    hundred_one_points,
    max_recall,
    precision_recall,
)
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict, match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import COCO_RULES, VOC_RULES, Rules

AVERAGES = (eleven_point, all_points, hundred_one_points)
BOTH = pytest.mark.parametrize("rules", [VOC_RULES, COCO_RULES], ids=["VOC", "COCO"])
SEEDS = pytest.mark.parametrize("seed", range(8))
THRESHOLDS = [0.5, 0.7, 0.9]
NOWHERE = (500, 500, 519, 519)


def aps(found, split, rules):
    """(3 averages, T, C)."""
    matches = match(found, Objects.of_split(split), rules, THRESHOLDS)
    return np.stack([average_precision(matches, average) for average in AVERAGES])


def changed(found, **arrays):
    return Detections(**{**vars(found), **arrays})


def no_less(after, before):
    """Not below, where there is an AP."""
    return (np.isnan(before) | (after >= before - 1e-12)).all()


@BOTH
@SEEDS
def test_scores_matter_by_their_order_only(random_case, rules, seed):
    split, found = random_case(seed)
    before = aps(found, split, rules)
    for scores in (found.scores + 3, found.scores / 7, found.scores.astype(np.float64) ** 3):
        np.testing.assert_array_equal(aps(changed(found, scores=scores), split, rules), before)


@SEEDS
def test_a_better_score_for_a_true_detection_never_hurts(random_case, seed):
    """By VOC's rules. By COCO's it may take another's object, which then finds none."""
    split, found = random_case(seed)
    objects = Objects.of_split(split)
    rng = np.random.default_rng(seed)
    for t, threshold in enumerate(THRESHOLDS):
        verdicts, _ = match(found, objects, VOC_RULES, [threshold]).verdicts(0)
        before = aps(found, split, VOC_RULES)[:, t]
        for d in rng.permutation(np.flatnonzero(verdicts == Verdict.TRUE))[:4]:
            scores = found.scores.copy()
            scores[d] += rng.random()
            after = aps(changed(found, scores=scores), split, VOC_RULES)[:, t]
            assert no_less(after, before)


@BOTH
@SEEDS
def test_a_worse_score_for_a_false_detection_never_hurts(random_case, rules, seed):
    split, found = random_case(seed)
    objects = Objects.of_split(split)
    rng = np.random.default_rng(seed)
    for t, threshold in enumerate(THRESHOLDS):
        verdicts, _ = match(found, objects, rules, [threshold]).verdicts(0)
        before = aps(found, split, rules)[:, t]
        for d in rng.permutation(np.flatnonzero(verdicts == Verdict.FALSE))[:4]:
            scores = found.scores.copy()
            scores[d] -= rng.random()
            after = aps(changed(found, scores=scores), split, rules)[:, t]
            assert no_less(after, before)


@BOTH
@SEEDS
def test_order_of_images_does_not_matter(random_case, rules, seed):
    split, found = random_case(seed)
    order = np.random.default_rng(seed).permutation(len(split))
    moved = changed(found, images=np.argsort(order)[found.images])
    after = aps(moved, split.subset(order.tolist()), rules)
    np.testing.assert_array_equal(after, aps(found, split, rules))


@BOTH
@SEEDS
def test_order_of_detections_does_not_matter(random_case, rules, seed):
    split, found = random_case(seed)
    order = np.random.default_rng(seed).permutation(len(found))
    shuffled = Detections(**{key: values[order] for key, values in vars(found).items()})
    np.testing.assert_array_equal(aps(shuffled, split, rules), aps(found, split, rules))


@BOTH
@SEEDS
def test_perfect_detections(build_split, build_detections, rules, seed):
    """Objects apart from each other, each found once: 1, whatever the difficult ones get."""
    rng = np.random.default_rng(seed)
    row = [(50 * i, 0, 50 * i + 19, 19) for i in range(5)]
    images = [
        [(int(rng.integers(3)), box, i > 0 and rng.random() < 0.3) for i, box in enumerate(row)]
        for _ in range(20)
    ]
    rows = [
        (image, label, rng.random(), box)
        for image, objects in enumerate(images)
        for label, box, _ in objects
    ]
    result = aps(build_detections(rows), build_split(images), rules)
    np.testing.assert_allclose(result, 1, atol=1e-12)


@BOTH
@SEEDS
def test_a_false_alarm_never_helps(random_case, rules, seed):
    """Least of all a low one: below every other detection it changes nothing."""
    split, found = random_case(seed)
    before = aps(found, split, rules)
    for score in (-1.0, 1e-6, 0.5, 1.0):
        worse = Detections(
            images=np.append(found.images, [0, 0, 0]),
            boxes=np.append(found.boxes, np.float32([NOWHERE] * 3), axis=0),
            scores=np.append(found.scores, np.float32([score] * 3)),
            labels=np.append(found.labels, [0, 1, 2]),
        )
        after = aps(worse, split, rules)
        assert no_less(before, after)
        if score == -1:
            np.testing.assert_array_equal(after, before)


@BOTH
@pytest.mark.parametrize("area", [(0.0, np.inf), (200.0, 900.0)], ids=["all", "by area"])
@SEEDS
def test_averages_over_the_whole_curve_are_the_same(random_case, rules, area, seed):
    """AP comes from true positives alone, the curve has every detection that counts."""
    split, found = random_case(seed, ties=True)
    rules = Rules(**{**vars(rules), "area_range": area})
    matches = match(found, Objects.of_split(split), rules, THRESHOLDS)
    recalls = max_recall(matches)
    for t in range(len(THRESHOLDS)):
        verdicts, _ = matches.verdicts(t)
        for label in np.flatnonzero(matches.positives):
            curve = precision_recall(matches, t, label)
            mine = verdicts[found.labels == label]
            assert len(curve.scores) == (mine != Verdict.IGNORED).sum()
            assert (np.diff(curve.scores) <= 0).all()
            hits = (mine == Verdict.TRUE).sum()
            assert recalls[t, label] == hits / matches.positives[label]
            if len(curve.scores):
                assert curve.recall[-1] == hits / matches.positives[label]
                assert curve.precision[-1] == hits / len(curve.scores)
            for average in AVERAGES:
                expected = average_precision(matches, average)[t, label]
                assert average(curve.precision, curve.recall) == pytest.approx(expected, abs=1e-12)


def test_averages_by_hand():
    """Precision 1, 1/2, 2/3 at recall 1/4, 1/4, 1/2: 1 up to 1/4, then 2/3 up to 1/2, then 0."""
    curve = np.array([1, 1 / 2, 2 / 3]), np.array([1 / 4, 1 / 4, 1 / 2])
    assert eleven_point(*curve) == pytest.approx((3 * 1 + 3 * 2 / 3) / 11)
    assert hundred_one_points(*curve) == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)
    assert all_points(*curve) == pytest.approx(1 / 4 + 1 / 4 * 2 / 3)
