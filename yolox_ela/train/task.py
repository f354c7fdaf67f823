"""What the loop of training asks of a task: its data, its loss and its evaluation.

The loop, its optimizer, average, checkpoints and records know nothing else of what is trained. The
tasks are in `yolox_ela/tasks/`: detection by YOLOX, and the paper's other networks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from yolox_ela.augment.feed import Batch
from yolox_ela.images.values import ValueRange
from yolox_ela.train.columns import Columns
from yolox_ela.train.network_step import Check, NetworkStep
from yolox_ela.train.run_folder import RunFolder


class Samples(Protocol):
    """The images of a set, by which a run recognises its data."""

    @property
    def ids(self) -> np.ndarray:
        """(I,) names of the images."""

    @property
    def hashes(self) -> np.ndarray:
        """(I,) SHA-256 of each file in hexadecimal, as bytes."""

    @property
    def values(self) -> ValueRange:
        """The values that are white in images of more than 8 bits."""

    def __len__(self) -> int: ...

    def fingerprint(self) -> str:
        """A hash of names, annotations and files."""

    def labels_fingerprint(self) -> str:
        """A hash of names and annotations."""

    def object_hashes(self) -> np.ndarray:
        """(I,) a hash of each image's annotation, as bytes."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found; the same on every process.

    Attributes:
        results: plain JSON values, among them each of the task's scores (None if there is none).
        found: what `Task.keep` needs beside them.
    """

    results: dict[str, Any]
    found: Any = None


class Task(Protocol):
    """A kind of training, with its data; it knows what networks and steps it works with.

    Attributes:
        columns: the losses and scores of its runs.
        replays: whether `train/replay.py` can compute its steps again.
    """

    columns: Columns
    replays: bool

    @property
    def train_samples(self) -> Samples:
        """The images to train on."""

    @property
    def test_samples(self) -> Samples:
        """The images to evaluate on."""

    def build_step(self, network: Any, *, compile: bool) -> NetworkStep:
        """The optimizer step of a network, on the run's device."""

    def loader(self, *, start: int, rank: int, world: int) -> Iterable[Batch]:
        """Batches of this process, for the steps from `start` to the end of training."""

    def samples(self, batch: Any) -> tuple[Any, ...]:
        """A batch of the loader on the run's device."""

    def losses(self, network: Any, samples: tuple[Any, ...]) -> Mapping[str, Any]:
        """The losses of a batch by a network in training mode, for a trial of its speed."""

    def take(
        self,
        step: Any,
        samples: tuple[Any, ...],
        number: int,
        *,
        lr: float,
        frozen: bool,
        check: Check | None,
    ) -> Mapping[str, Any]:
        """Take one step; the arguments and the result are those of `NetworkStep.take`.

        Args:
            step: what `build_step` gave.
            samples: what `samples` gave.
            number: steps done so far in the whole run.
            lr: the learning rate.
            frozen: whether the backbone stays as it is.
            check: looks at the loss and the gradient.
        """

    def learning_rate(self, number: int) -> float:
        """The learning rate after so many steps."""

    def describe(self, step: Any, number: int) -> dict[str, Any]:
        """What a dump of a broken step tells beside batch and settings, as plain values."""

    def evaluate(self, network: Any) -> Evaluation:
        """Evaluate a network on `test_samples`, together with the other processes."""

    def keep(self, evaluation: Evaluation, folder: RunFolder) -> np.ndarray | None:
        """Write an evaluation's files into the run's folder; a picture of it for trackers."""

    def read_results(self, path: Path) -> dict[str, Any]:
        """The results in a run's results.json."""
