"""Random sets for the tests of what a report derives from detections."""

import numpy as np
import pytest

from yolox_ela.evaluate.detections import Detections


@pytest.fixture(scope="session")
def random_run(build_split):
    """A split of three classes and detections of it with different scores, by seed.

    Objects overlap those of other classes, some are difficult; detections are jittered, repeated,
    of the wrong class, or nowhere near anything.
    """

    def build(seed, *, images=25, difficult=0.2):
        rng = np.random.default_rng(seed)

        def box():
            corner, size = rng.integers(0, 60, 2), rng.integers(8, 50, 2)
            return np.concatenate([corner, corner + size])

        truth, rows = [], []
        for image in range(images):
            objects = []
            for _ in range(rng.integers(0, 5)):
                objects.append((int(rng.integers(3)), box(), rng.random() < difficult))
                if rng.random() < 0.3:
                    moved = objects[-1][1] + rng.integers(-6, 7)
                    objects.append((int(rng.integers(3)), moved, rng.random() < difficult))
            truth.append(objects)
            for label, where, _ in objects:
                for _ in range(rng.integers(0, 4)):
                    jitter = rng.integers(-4, 5, 4) * rng.integers(0, 4)
                    near = np.sort((where + jitter).reshape(2, 2), axis=0).ravel()
                    other = int(rng.integers(3)) if rng.random() < 0.3 else label
                    rows.append((image, other, near))
            rows += [(image, int(rng.integers(3)), box()) for _ in range(rng.integers(0, 3))]
        found = Detections(
            images=np.array([row[0] for row in rows], np.int64),
            boxes=np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
            scores=rng.permutation(np.linspace(0.05, 0.95, len(rows))).astype(np.float32),
            labels=np.array([row[1] for row in rows], np.int64),
        )
        return build_split(truth), found

    return build
