"""Do the intervals of a study hold the true difference 95 times in 100? A simulation.

    python -m studies.coverage

Simulates studies of 4 methods and 3 seeds, scored on 200 images. A score is the mean over images of
the parts that `yolox_ela/study/intervals.py` describes: of the seed, of the run, of method and
image, and of run and image. It prints for several proportions of these parts how many intervals of
a difference between two methods hold the true one, and how many of a plain bootstrap over seeds and
images do. What an image does to all methods alike has no effect and is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yolox_ela.study.intervals import estimate, spread_of_runs

METHODS, SEEDS, IMAGES = 4, 3, 200
STUDIES = 2000
RESAMPLES = 200


@dataclass(frozen=True)
class Parts:
    """Standard deviations, in points of the mean over all images."""

    seed: float = 0.0  # what a seed does to all methods alike
    run: float = 0.0  # what it does to one
    method_on_images: float = 0.0  # how the images suit a method
    run_on_images: float = 0.0  # how they suit a run


SITUATIONS = {
    "seeds alone": Parts(run=0.3),
    "seeds that act on all methods alike": Parts(seed=0.5, run=0.3),
    "images that suit a method": Parts(method_on_images=0.3),
    "images that suit a run": Parts(run_on_images=0.3),
    "all together": Parts(seed=0.2, run=0.2, method_on_images=0.2, run_on_images=0.2),
    "many images": Parts(run=0.3, method_on_images=0.1, run_on_images=0.1),
    "few images": Parts(run=0.1, method_on_images=0.3, run_on_images=0.3),
}


Interval = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[float, float]]
"""From the scores (M, S) and resamples (R, M, S) to the ends of the second method's interval."""


def study_interval(
    scores: np.ndarray, resamples: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """The interval that a study reports."""
    of_method = resamples[:, 1] - resamples[:, 0]
    spread = spread_of_runs(scores)
    found = estimate(scores[1] - scores[0], of_method, spread, runs=2, images=IMAGES)
    return found.low, found.high


def plain_interval(
    scores: np.ndarray, resamples: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Percentiles of a bootstrap over seeds and images."""
    first, second = rng.integers(scores.shape[1], size=(2, len(resamples), scores.shape[1]))
    rows = np.arange(len(resamples))[:, None]
    means = (resamples[rows, 1, second] - resamples[rows, 0, first]).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def simulate(
    parts: Parts, interval: Interval = study_interval, *, studies: int = STUDIES, seed: int = 0
) -> float:
    """The share of studies whose interval holds the true difference, which is 0."""
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=RESAMPLES) / IMAGES
    per_image = IMAGES**0.5
    held = 0
    for _ in range(studies):
        runs = rng.normal(0, parts.seed, SEEDS) + rng.normal(0, parts.run, (METHODS, SEEDS))
        images = rng.normal(0, parts.method_on_images * per_image, (IMAGES, METHODS, 1))
        on_images = rng.normal(0, parts.run_on_images * per_image, (IMAGES, METHODS, SEEDS))
        values = runs + images + on_images
        resamples = (weights @ values.reshape(IMAGES, -1)).reshape(-1, METHODS, SEEDS)
        low, high = interval(values.mean(axis=0), resamples, rng)
        held += low <= 0 <= high
    return held / studies


def main() -> None:
    print(f"{'':40} the study's   plain bootstrap")
    for name, parts in SITUATIONS.items():
        held, plainly = simulate(parts), simulate(parts, plain_interval)
        print(f"{name:40} {100 * held:10.1f}% {100 * plainly:16.1f}%")


if __name__ == "__main__":
    main()
