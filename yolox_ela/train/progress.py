"""How far a run is: the numbers that a state carries beside the network's tensors."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from yolox_ela.train.columns import DETECTION, Columns

LOSS_PARTS = DETECTION.loss_names


@dataclass
class Progress:
    """Position and records of a run; plain numbers only, so that checkpoints stay plain.

    Attributes:
        step: number of steps done; gives the epoch, the learning rate, the input size and the
            sampler's position.
        best: best score so far, of those the one that decides on the run's data; -1 before the
            first evaluation.
        best_epoch: the epoch that reached it.
        history: one row per epoch, as in metrics.csv.
        loss_sums: sums of the losses over the present epoch, as this process computed them; the
            mean over all processes is that of the whole batch.
        train_seconds: seconds that the present epoch's steps took.
        wait_seconds: the part of them that was spent waiting for data.
        total_seconds: seconds that all steps and evaluations of finished epochs took.
    """

    step: int = 0
    best: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    loss_sums: list[float] = field(default_factory=lambda: [0.0] * len(LOSS_PARTS))
    train_seconds: float = 0.0
    wait_seconds: float = 0.0
    total_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)


def mean_over_processes(sums: Sequence[Sequence[float]]) -> list[float]:
    """The mean of each loss over the sums of several processes."""
    return [sum(part) / len(sums) for part in zip(*sums, strict=True)]


def headline(results: Mapping[str, Any], columns: Columns = DETECTION) -> dict[str, float]:
    """The scores of an evaluation, as metrics.csv has them; none where nothing was scored."""
    return {key: results[key] for key in columns.scores if results[key] is not None}


def score_text(row: Mapping[str, Any], metric: str, columns: Columns = DETECTION) -> str:
    """The scores of a row of the history in percent, the one that decides first; empty if the epoch
    was not scored.
    """
    if metric not in row:
        return ""
    order = sorted(columns.scores, key=lambda name: name != metric)
    return ", ".join(f"{columns.scores[name]} {100 * row[name]:.2f}" for name in order)


def epoch_line(
    progress: Progress,
    epochs: int,
    time_left: str | None,
    metric: str = DETECTION.headline,
    columns: Columns = DETECTION,
) -> str:
    """The log line of the epoch that was recorded last; `metric` decides which epoch is best."""
    row = progress.history[-1]
    losses = ", ".join(f"{name} {row[name]:.3f}" for name in columns.losses)
    parts = [
        f"epoch {row['epoch']}/{epochs}",
        losses,
        f"lr {row['lr']:.2e}",
        f"{row['images_per_second']:.1f} images/s, {row['data_wait_share']:.0%} waiting",
    ]
    if scores := score_text(row, metric, columns):
        best = f"best {columns.scores[metric]} {100 * progress.best:.2f}"
        parts.append(f"{scores} ({best}, epoch {progress.best_epoch})")
    if time_left is not None:
        parts.append(f"about {time_left} left")
    return "  ".join(parts)


class StepMonitor:
    """Collects the losses of recent steps without waiting for the device.

    Reading a loss makes the program wait for the GPU, so that happens once every few steps.
    """

    def __init__(self, columns: Columns = DETECTION) -> None:
        self._entries = tuple(columns.losses.values())
        self._recent: list[Tensor] = []

    def add(self, losses: Mapping[str, Any]) -> None:
        """Remember a step's losses: tensors or numbers, as upstream's plain 0 for no L1 loss."""
        total: Tensor = losses["total_loss"]
        parts = [torch.as_tensor(losses[name], device=total.device) for name in self._entries]
        self._recent.append(torch.stack([part.detach().float() for part in parts]))

    def collect(self) -> list[list[float]]:
        """The losses of each step since the last call, in the order of their columns."""
        rows = torch.stack(self._recent).cpu().tolist() if self._recent else []
        self._recent.clear()
        return rows


class Stopwatch:
    """Seconds between calls of `lap`."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, or since the start."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        return seconds
