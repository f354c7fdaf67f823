"""How far a run is: the numbers that a state carries beside the network's tensors."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from yolox_ela.evaluate.scores import METRIC_HEADERS, METRICS

LOSS_PARTS = ("loss", "iou", "objectness", "class", "l1")


@dataclass
class Progress:
    """Position and records of a run; plain numbers only, so that checkpoints stay plain.

    Attributes:
        step: number of steps done; gives the epoch, the learning rate, the input size and the
            sampler's position.
        best: best AP so far, of the metric that decides on the run's data; -1 before the first
            evaluation.
        best_epoch: the epoch that reached it.
        history: one row per epoch, as in metrics.csv.
        loss_sums: sums of `LOSS_PARTS` over the present epoch, as this process computed them; the
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
    """The mean of each of `LOSS_PARTS` over the sums of several processes."""
    return [sum(part) / len(sums) for part in zip(*sums, strict=True)]


def headline(results: Mapping[str, Any]) -> dict[str, float]:
    """The mean APs of an evaluation, as metrics.csv has them; none where nothing was scored."""
    return {key: results[key] for key in METRICS if results[key] is not None}


def score_text(row: Mapping[str, Any], metric: str) -> str:
    """The APs of a row of the history in percent, the metric that decides first; empty if the epoch
    was not scored.
    """
    if metric not in row:
        return ""
    order = sorted(METRICS, key=lambda name: name != metric)
    return ", ".join(f"{METRIC_HEADERS[name]} {100 * row[name]:.2f}" for name in order)


def epoch_line(
    progress: Progress, epochs: int, time_left: str | None, metric: str = METRICS[0]
) -> str:
    """The log line of the epoch that was recorded last; `metric` decides which epoch is best."""
    row = progress.history[-1]
    losses = ", ".join(f"{name} {row[name]:.3f}" for name in LOSS_PARTS)
    parts = [
        f"epoch {row['epoch']}/{epochs}",
        losses,
        f"lr {row['lr']:.2e}",
        f"{row['images_per_second']:.1f} images/s, {row['data_wait_share']:.0%} waiting",
    ]
    if scores := score_text(row, metric):
        best = f"best {METRIC_HEADERS[metric]} {100 * progress.best:.2f}"
        parts.append(f"{scores} ({best}, epoch {progress.best_epoch})")
    if time_left is not None:
        parts.append(f"about {time_left} left")
    return "  ".join(parts)


class StepMonitor:
    """Collects the losses of recent steps without waiting for the device.

    Reading a loss makes the program wait for the GPU, so that happens once every few steps.
    """

    def __init__(self) -> None:
        self._recent: list[Tensor] = []

    def add(self, losses: Mapping[str, Any]) -> None:
        """Remember a step's losses: upstream's dict of tensors, with a plain 0 for no L1 loss."""
        total: Tensor = losses["total_loss"]
        names = ("total_loss", "iou_loss", "conf_loss", "cls_loss", "l1_loss")
        parts = [torch.as_tensor(losses[name], device=total.device) for name in names]
        self._recent.append(torch.stack([part.detach().float() for part in parts]))

    def collect(self) -> list[list[float]]:
        """The losses of each step since the last call, in the order of `LOSS_PARTS`."""
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
