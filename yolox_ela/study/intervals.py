"""How sure a difference between two methods is, given few seeds and a sample of test images.

The model. Method m, trained with seed s and scored on these images, has the score

    y[m, s] = mu[m] + a[s] + e[m, s] + g[m](images) + h[m, s](images)

with a part a that the seed does to all methods alike, a part e of the single run, a part g by which
these images suit the method, and a part h by which they suit the single run. The question is
mu[m] - mu[0]; its estimate D is the mean over n seeds of d[s] = y[m, s] - y[0, s], in which a is
gone. With independent parts its variance is

    var(D) = 2 (var(e) + var(h)) / n  +  var(g[m] - g[0])

- The first term is what differs from run to run. var(e) + var(h) is estimated by what is left of
  the scores once each method's and each seed's mean is taken out (two-way analysis of variance):
  pooled over all methods, since three seeds of one pair alone say too little. With M methods
  and S seeds it has (M - 1)(S - 1) degrees of freedom. It supposes that all methods vary alike.
- The second term comes from a paired bootstrap over images, on which all runs are scored anew. The
  bootstrap's variance of D is var(g[m] - g[0]) + 2 var(h) / n, of which the h is in the first term
  already. The bootstrap shows it too: over the resamples the d[s] - D vary by h alone, so that the
  mean of their variances with divisor n - 1, divided by n, estimates 2 var(h) / n. It is taken off.

The sum of two such variances is nearly chi-squared, with the degrees of freedom of Satterthwaite
(Biometrics Bulletin 2, 1946): V^2 / (V1^2 / f1 + V2^2 / f2), where f2 is the number of images less
one. The interval is D -+ t sqrt(V), with Student's t. `studies/coverage.py` shows by simulation
that 95% of such intervals hold the true difference.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # quantiles of Student's t; scipy.stats loads a second

from yolox_ela.tables.paired import CONFIDENCE


@dataclass(frozen=True)
class Spread:
    """The variance of single runs.

    Attributes:
        variance: the variance in the unit of the scores, squared.
        degrees: its degrees of freedom; 0 if nothing is known of it.
    """

    variance: float
    degrees: int


@dataclass(frozen=True)
class Estimate:
    """A difference of mean scores with its confidence interval, in the unit of the scores.

    Attributes:
        value: the difference.
        half_width: half the width of its interval.
        seeds: the number of seeds that it is a mean over.
        covers_seeds: whether the interval covers other seeds, beside other test images.
        seed_deviation: the standard deviation of the difference by seeds; NaN if unknown.
        image_deviation: the standard deviation of the difference by images, beyond what
            differs from run to run.
    """

    value: float
    half_width: float
    seeds: int
    covers_seeds: bool
    seed_deviation: float
    image_deviation: float

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.value + self.half_width


def spread_of_runs(scores: np.ndarray) -> Spread:
    """What neither the method nor the seed explains, as a variance.

    Args:
        scores: (M, S) of M methods with S seeds; NaN where a run is missing.
    """
    method, seed = np.nonzero(np.isfinite(scores))
    design = np.concatenate(
        [np.eye(scores.shape[0])[method], np.eye(scores.shape[1])[seed]], axis=1
    )
    return _left_over(design, scores[method, seed])


def spread_within_methods(scores: np.ndarray) -> Spread:
    """What the method does not explain, as a variance; the seeds' common part is in it.

    Args:
        scores: (M, S); NaN where a run is missing.
    """
    method, seed = np.nonzero(np.isfinite(scores))
    return _left_over(np.eye(scores.shape[0])[method], scores[method, seed])


def estimate(
    differences: np.ndarray, resamples: np.ndarray, spread: Spread, *, runs: int, images: int
) -> Estimate:
    """The mean of the differences with its interval.

    Args:
        differences: (n,) the difference with each seed, on the images as they are.
        resamples: (R, n) the same on images sampled with replacement.
        spread: the variance of single runs.
        runs: in how many independent runs two differences differ: 2 if both sides are trained, 1 if
            one of them is the same for all seeds.
        images: the number of images.
    """
    seeds = len(differences)
    resamples = resamples[np.isfinite(resamples).all(axis=1)]  # without any object, no score
    means = resamples.mean(axis=1)
    of_images = float(means.var(ddof=1))
    if seeds > 1:
        of_runs = (resamples - means[:, None]).var(axis=0, ddof=1).sum() / (seeds - 1) / seeds
        of_images = max(0.0, of_images - float(of_runs))
    of_seeds = runs * spread.variance / seeds if spread.degrees else 0.0
    total = of_seeds + of_images
    degrees = float(images - 1)
    if of_seeds > 0:
        degrees = total**2 / (of_seeds**2 / spread.degrees + of_images**2 / (images - 1))
    quantile = float(stdtrit(degrees, (1 + CONFIDENCE) / 2))
    return Estimate(
        value=float(differences.mean()),
        half_width=quantile * total**0.5,
        seeds=seeds,
        covers_seeds=spread.degrees > 0,
        seed_deviation=of_seeds**0.5 if spread.degrees else float("nan"),
        image_deviation=of_images**0.5,
    )


def _left_over(design: np.ndarray, scores: np.ndarray) -> Spread:
    """Mean square of what a linear model does not explain."""
    fit, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    degrees = len(scores) - int(rank)
    squares = float(np.square(scores - design @ fit).sum())
    return Spread(squares / degrees if degrees else 0.0, degrees)
