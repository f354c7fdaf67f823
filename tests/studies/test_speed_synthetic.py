"""The random set: as large as asked for, written as VOC, the same for a seed."""

import numpy as np
import pytest

from studies.speed.synthetic import (
    SPLIT,
    YEAR,
    random_detections,
    random_objects,
    write_voc,
)
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError


@pytest.fixture(scope="module")
def split():
    return random_objects(300, seed=4)


def test_objects_are_inside_their_images(split):
    sizes = np.repeat(split.sizes, np.diff(split.offsets), axis=0)
    assert (split.boxes >= 0).all()
    assert (split.boxes[:, 2:] <= sizes - 1).all()
    assert (split.boxes[:, 2:] > split.boxes[:, :2]).all()
    assert 0.1 < split.difficult.mean() < 0.3


def test_detections(split):
    found = random_detections(split, per_image=50, seed=5)
    assert np.bincount(found.images).tolist() == [50] * 300
    assert len(np.unique(found.scores)) == len(found), "no ties"
    assert found.scores.min() > 0
    assert found.scores.max() < 1
    sizes = split.sizes[found.images]
    assert (found.boxes >= 0).all()
    assert (found.boxes[:, 2:] <= sizes).all()
    assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()


def test_same_seed_same_set(split):
    again = random_objects(300, seed=4)
    assert again.fingerprint() == split.fingerprint()
    assert random_objects(300, seed=5).fingerprint() != split.fingerprint()
    first, second = (random_detections(split, 10, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_written_and_loaded(split, tmp_path):
    few = split.subset(range(20))
    write_voc(few, tmp_path)
    loaded = load_split(tmp_path, [f"{YEAR}/{SPLIT}"], few.classes)
    assert loaded.labels_fingerprint() == few.labels_fingerprint()


def test_every_class_has_an_object_that_counts():
    few = random_objects(20, seed=1)
    assert (np.bincount(few.labels[~few.difficult], minlength=20) > 0).all()
    with pytest.raises(UserError, match="--images 19"):
        random_objects(19, seed=1)
