"""What a run shows between the epochs: numbers on a terminal, or a log line every minute."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loguru import logger
from tqdm.auto import tqdm  # in a notebook, its widget

from yolox_ela.train.progress import LOSS_PARTS

LOG_SECONDS = 60  # between the log lines of a run without a terminal
SHORT = {"loss": "loss", "iou": "iou", "objectness": "obj", "class": "cls", "l1": "l1"}


@dataclass(frozen=True)
class StepStatus:
    """What a user is told of the newest step.

    Attributes:
        step: number of steps done.
        total_steps: number of steps of the whole run.
        epoch: the step's epoch and the number of epochs, such as `3/72`.
        lr: learning rate.
        losses: the newest losses; those that are 0 are not shown.
        images_per_second: speed of this session, all processes together.
        time_left: see `Pace.time_left`.
        names: what the losses are called.
    """

    step: int
    total_steps: int
    epoch: str
    lr: float
    losses: Sequence[float]
    images_per_second: float
    time_left: str | None
    names: Sequence[str] = LOSS_PARTS


class TrainingBar(tqdm):
    """Epoch, steps, time gone and left, images/s, learning rate and loss parts, on a terminal.

    Numbers instead of a bar, so that all of them fit into 80 columns.

    Args:
        total_steps: number of steps of the whole run.
        done: number of steps of earlier parts of the run.
        main_process: False hides the numbers; otherwise they show where stderr is a terminal, and
            in a notebook.
    """

    left = "?"

    def __init__(self, total_steps: int, done: int, *, main_process: bool) -> None:
        super().__init__(
            total=total_steps,
            initial=done,
            disable=None if main_process else True,
            dynamic_ncols=True,
            bar_format="{desc} {n_fmt}/{total_fmt} {elapsed}<{left}{postfix}",
        )

    def show(self, status: StepStatus) -> None:
        """Update the numbers; they appear with the next refresh."""
        if self.disable:
            return
        parts = [f"{SHORT.get(n, n)} {v:.1f}" for n, v in _nonzero(status)]
        self.set_description_str(status.epoch, refresh=False)
        self.left = status.time_left or "?"
        speed = f"{status.images_per_second:.0f} im/s"
        self.set_postfix_str(f"{speed} lr {status.lr:.0e} {' '.join(parts)}", refresh=False)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What `bar_format` may name; tqdm's own estimate knows nothing of evaluations."""
        return super().format_dict | {"left": self.left}


class StepLog:
    """A log line every minute, for a run whose output goes to a file.

    Args:
        enabled: False where a terminal shows the numbers, and on all but the main process.
        clock: gives seconds; a test passes its own.
    """

    def __init__(self, *, enabled: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._enabled, self._clock = enabled, clock
        self._logged_at = clock()

    def show(self, status: StepStatus) -> None:
        """Log the numbers if a minute has passed since the last line, or since the start."""
        now = self._clock()
        if not self._enabled or now - self._logged_at < LOG_SECONDS:
            return
        self._logged_at = now
        losses = ", ".join(f"{name} {value:.3f}" for name, value in _nonzero(status))
        logger.info(
            "epoch {}  step {}/{}  {}  {:.1f} images/s  about {} left",
            status.epoch,
            status.step,
            status.total_steps,
            losses,
            status.images_per_second,
            status.time_left,
        )


def _nonzero(status: StepStatus) -> list[tuple[str, float]]:
    return [(n, loss) for n, loss in zip(status.names, status.losses, strict=True) if loss != 0]
