"""Random sets for the tests of average precision."""

import numpy as np
import pytest

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.objects import Objects


@pytest.fixture(scope="session")
def random_case(build_split):
    """A split of three classes and detections of it, by seed.

    Crowded images, with difficult objects and objects annotated twice; detections jittered,
    repeated, in the wrong class, and nowhere near anything. Coordinates are quarters of a pixel,
    which are exact in every arithmetic.
    """

    def build(seed, *, ties=False, difficult=0.2, images=30):
        rng = np.random.default_rng(seed)
        truth, rows = [], []
        for image in range(rng.integers(1, images + 1)):
            objects = []
            for _ in range(rng.integers(0, 6)):
                corner, size = rng.integers(0, 60, 2), rng.integers(5, 50, 2)
                hard = rng.random() < difficult
                objects.append((int(rng.integers(3)), (*corner, *(corner + size)), hard))
                if rng.random() < 0.1:
                    objects.append((*objects[-1][:2], not hard and difficult > 0))
            truth.append(objects)
            for label, box, _ in objects:
                for _ in range(rng.integers(0, 4)):
                    jitter = rng.integers(-20, 21, 4) / 4 * rng.integers(0, 2)
                    moved = np.sort((np.array(box) + jitter).reshape(2, 2), 0)
                    other = int(rng.integers(3)) if rng.random() < 0.1 else label
                    rows.append((image, other, rng.random(), moved.ravel()))
            for _ in range(rng.integers(0, 3)):
                corner, size = rng.integers(0, 60, 2), rng.integers(5, 50, 2)
                box = (*corner, *(corner + size))
                rows.append((image, int(rng.integers(3)), rng.random(), box))
        rng.shuffle(rows)
        found = Detections(
            images=np.array([row[0] for row in rows], np.int64),
            boxes=np.array([row[3] for row in rows], np.float32).reshape(-1, 4),
            scores=np.array([round(r[2], 1) if ties else r[2] for r in rows], np.float32),
            labels=np.array([row[1] for row in rows], np.int64),
        )
        return build_split(truth), found

    return build


@pytest.fixture(scope="session")
def with_crowds():
    """The objects of a split, some of the difficult ones turned into crowds."""

    def build(split, seed):
        objects = Objects.of_split(split)
        crowd = objects.difficult & (np.random.default_rng(seed).random(len(split.labels)) < 0.5)
        return Objects(**{**vars(objects), "crowd": crowd})

    return build
