"""Two methods compared over the seeds that both ran with."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit  # quantiles of Student's t; scipy.stats loads a second

CONFIDENCE = 0.95


@dataclass(frozen=True)
class PairedDifference:
    """How much higher one method scores than another, in the scores' unit.

    Attributes:
        pairs: the number of seeds that both have.
        mean: the mean of the differences; None without a pair.
        half_width: half the width of the mean's confidence interval; None with fewer than two
            pairs.
    """

    pairs: int
    mean: float | None = None
    half_width: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The low and the high end of the confidence interval, if there is one."""
        if self.mean is None or self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width


def paired_difference(scores: Mapping[int, float], others: Mapping[int, float]) -> PairedDifference:
    """Compare scores by seed: the interval is Student's t over the differences.

    Args:
        scores: the scores of one method, by seed.
        others: the scores of the method that it is compared with, by seed.
    """
    differences = [scores[seed] - others[seed] for seed in scores if seed in others]
    pairs = len(differences)
    if pairs == 0:
        return PairedDifference(0)
    mean = fmean(differences)
    if pairs == 1:
        return PairedDifference(1, mean)
    quantile = float(stdtrit(pairs - 1, (1 + CONFIDENCE) / 2))
    return PairedDifference(pairs, mean, quantile * stdev(differences, mean) / pairs**0.5)


def clear_winner(methods: Mapping[str, Mapping[int, float]]) -> str | None:
    """The highest method, if its interval against every other one lies above zero; else None.

    Args:
        methods: by method and by seed, the scores.
    """
    seeded = {name: scores for name, scores in methods.items() if scores}
    if len(methods) < 2 or not seeded:
        return None
    best = max(seeded, key=lambda name: fmean(seeded[name].values()))
    for name, others in methods.items():
        interval = paired_difference(seeded[best], others).interval
        if name != best and (interval is None or interval[0] <= 0):
            return None
    return best
