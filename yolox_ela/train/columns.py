"""The numbers of a run's history, as in metrics.csv: the losses and scores of what it trains."""

from collections.abc import Mapping
from dataclasses import dataclass

from yolox_ela.evaluate.scores import METRIC_HEADERS, METRICS
from yolox_ela.report.curves import DETECTION_PANELS, Panels


@dataclass(frozen=True)
class Columns:
    """The names of losses and scores.

    Attributes:
        losses: column of each loss, and its entry in what a step returns; the first one is the sum
            of the others.
        scores: column of each score, and what it is called in a log line; scores are in 0-1.
        headline: the score that decides which epoch is best.
        panels: the plots over epochs, and what the scores are called in sentences.
    """

    losses: Mapping[str, str]
    scores: Mapping[str, str]
    headline: str
    panels: Panels

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The columns of the losses, in the order of their sums."""
        return tuple(self.losses)


DETECTION = Columns(
    losses={
        "loss": "total_loss",
        "iou": "iou_loss",
        "objectness": "conf_loss",
        "class": "cls_loss",
        "l1": "l1_loss",
    },
    scores=METRIC_HEADERS,
    headline=METRICS[0],
    panels=DETECTION_PANELS,
)
