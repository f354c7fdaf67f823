"""A run beside the weights that it started from, where those were evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolox_ela.evaluate.scores import METRIC_TITLES


@dataclass(frozen=True)
class Gain:
    """What training has changed.

    Attributes:
        metric: the AP by which the data are judged; one of `METRICS`.
        start: this AP before training, 0 to 1.
        final: after the last epoch.
        best: the score of the best epoch.
        best_epoch: its number.
    """

    metric: str
    start: float
    final: float
    best: float
    best_epoch: int

    @property
    def lost(self) -> bool:
        """Whether the last epoch scores lower than the start."""
        return self.final < self.start

    def __str__(self) -> str:
        text = (
            f"{METRIC_TITLES[self.metric]}: {100 * self.final:.2f} after training, "
            f"{_difference(self.final, self.start)} the weights that it started from "
            f"({100 * self.start:.2f})"
        )
        if not self.lost:
            return text
        best = _difference(self.best, self.start)
        return f"{text}; best.pth, of epoch {self.best_epoch}, is {best} them"


def gain_over_start(history: Sequence[Mapping[str, Any]], metric: str) -> Gain | None:
    """Compare the last epoch with the start, which is epoch 0.

    Args:
        history: the rows of metrics.csv.
        metric: the AP by which the data are judged; one of `METRICS`.

    Returns:
        None if the start or the last epoch was not scored.
    """
    if len(history) < 2 or history[0]["epoch"] != 0:
        return None
    first, last = history[0].get(metric), history[-1].get(metric)
    if first is None or last is None:
        return None
    best = max(
        (row for row in history[1:] if row.get(metric) is not None), key=lambda row: row[metric]
    )
    return Gain(metric, first, last, best[metric], int(best["epoch"]))


def _difference(one: float, other: float) -> str:
    points = 100 * (one - other)
    return f"{abs(points):.2f} points {'below' if points < 0 else 'above'}"
