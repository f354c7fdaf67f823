"""What the parts of `yolox-ela train` pass on to each other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from yolox_ela.network.starts import Start
from yolox_ela.run_settings import RunSettings
from yolox_ela.train.engine import Training
from yolox_ela.train.task import Task


@dataclass(frozen=True)
class Prepared:
    """All that a training starts from.

    Attributes:
        experiment: the settings, with the data's sets and classes.
        network: at its starting weights.
        task: the data, the loss and the evaluation.
        start: where the weights come from.
        data: the place of the data.
        report: logs what the data are.
    """

    experiment: RunSettings
    network: nn.Module
    task: Task
    start: Start
    data: Path
    report: Callable[[], None]


@dataclass(frozen=True)
class FinishedRun:
    """A training that has come to its end, or was stopped before.

    Attributes:
        experiment: the experiment as it was trained, with the data's sets and classes.
        training: the run, with its data, weights and folder.
        results: the last evaluation's; see `Task.evaluate`. None if the run was asked to stop, or
            its time limit has ended it.
    """

    experiment: RunSettings
    training: Training
    results: dict[str, Any] | None
