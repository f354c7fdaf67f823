"""Dividing by shares: every class evenly, the same for a seed, equal pictures together."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.divide import divide, require_shares
from yolox_ela.errors import UserError


def images_of(labels):
    """An image for each list of labels."""
    return [
        CheckedImage(
            f"{at:04}",
            Path(f"{at:04}.jpg"),
            (60, 40),
            np.tile([1.0, 1.0, 9.0, 9.0], (len(row), 1)),
            np.array(row, dtype=np.int64),
            np.zeros(len(row), bool),
            np.zeros(len(row), bool),
        )
        for at, row in enumerate(labels)
    ]


def several(count=400, classes=8, seed=0):
    """Images with none to four classes, some classes ten times as frequent as others."""
    rng = np.random.default_rng(seed)
    weights = np.geomspace(10, 1, classes)
    return images_of(
        rng.choice(classes, rng.integers(0, 5), p=weights / weights.sum()).tolist()
        for _ in range(count)
    )


@pytest.mark.parametrize("shares", [(0.8, 0.2), (0.7, 0.2, 0.1), (0.5, 0.5)])
def test_every_class_is_spread_by_the_shares(shares):
    images = several()
    parts = divide(images, range(len(images)), shares, 0)
    assert sorted(at for part in parts for at in part) == list(range(len(images)))
    present = [set(image.labels.tolist()) or {"none"} for image in images]
    totals = Counter(label for labels in present for label in labels)
    for share, part in zip(shares, parts, strict=True):
        assert abs(len(part) - share * len(images)) <= 0.03 * len(images)
        counts = Counter(label for at in part for label in present[at])
        for label, total in totals.items():
            # Shuffling alone leaves such classes up to ten images off.
            assert abs(counts[label] - share * total) <= max(3, 0.05 * total), (label, share)


def test_a_rare_class_gets_into_both_parts():
    images = images_of([[0]] * 95 + [[0, 1]] * 5)
    for seed in range(5):
        parts = divide(images, range(100), (0.8, 0.2), seed)
        assert [sum(at >= 95 for at in part) for part in parts] == [4, 1]


def test_a_seed_gives_one_division_whatever_the_order_on_disk():
    images = several(100)
    first = divide(images, range(100), (0.8, 0.2), 3)
    ids = [[images[at].id for at in part] for part in first]
    shuffled = [images[at] for at in np.random.default_rng(1).permutation(100)]
    again = divide(shuffled, range(100), (0.8, 0.2), 3)
    assert [[shuffled[at].id for at in part] for part in again] == ids
    assert divide(images, range(100), (0.8, 0.2), 4) != first


def test_equal_pictures_stay_together():
    images = several(90)
    pictures = [at // 3 for at in range(90)]  # three files of each
    for seed in range(3):
        parts = divide(images, pictures, (0.7, 0.3), seed)
        sides = [{pictures[at] for at in part} for part in parts]
        assert not sides[0] & sides[1]


BAD = [(0.8,), (0.5, 0.4), (1.0, 0.0), (0.4, 0.3, 0.2, 0.1), (1.2, -0.2), (80, 20)]


@pytest.mark.parametrize("shares", BAD)
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(UserError, match="--shares must be two numbers"):
        require_shares(shares)


def test_too_few_images_are_refused():
    images = images_of([[0], [0]])
    with pytest.raises(UserError, match="too few"):
        divide(images, ["same", "same"], (0.5, 0.5), 0)
