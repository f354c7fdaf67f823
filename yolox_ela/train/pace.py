"""How fast a run is in this session, and how much time is left at this pace."""

from collections import deque
from datetime import timedelta

from yolox_ela.run_settings import RunSettings

RECENT = 300  # steps; if the machine becomes slower, the estimate follows within as many


class Pace:
    """Times of steps and evaluations since this process began.

    What a run took before it was interrupted tells nothing here: the machine may be another one,
    or have become slower.

    Args:
        recipe: says how many epochs there are, and which are evaluated.
        steps_per_epoch: number of steps in an epoch.
    """

    def __init__(self, recipe: RunSettings, steps_per_epoch: int) -> None:
        self._recipe, self._steps_per_epoch = recipe, steps_per_epoch
        self._first: float | None = None  # slower: loader processes start, kernels are chosen
        self._steps: deque[float] = deque(maxlen=RECENT)
        self._evaluations: list[float] = []

    def add_step(self, seconds: float) -> None:
        """Take note of a step's time, with the time spent waiting for its batch."""
        if self._first is None:
            self._first = seconds
        else:
            self._steps.append(seconds)

    def add_evaluation(self, seconds: float) -> None:
        """Take note of the time of one evaluation of one network."""
        self._evaluations.append(seconds)

    def steps_timed(self) -> int:
        """Number of recent steps that `step_seconds` is the mean of, the first one left out."""
        return len(self._steps)

    def evaluation_seconds(self, images: int) -> float:
        """Seconds to reserve for one more evaluation, of all networks that it evaluates.

        Args:
            images: number of images, for an estimate where no evaluation has been timed: as long
                as training takes for as many.
        """
        networks = 2 if self._recipe.evaluate_raw else 1
        if self._evaluations:
            return networks * max(self._evaluations)
        return networks * images * (self.step_seconds() or 0.0) / self._recipe.batch_size

    def step_seconds(self) -> float | None:
        """Seconds of a step; None before the first one.

        The first step counts only while there is no other.
        """
        if self._steps:
            return sum(self._steps) / len(self._steps)
        return self._first

    def images_per_second(self) -> float:
        """Images of all processes per second; 0 before the first step."""
        seconds = self.step_seconds()
        return self._recipe.batch_size / seconds if seconds else 0.0

    def evaluations_left(self, epochs_done: int) -> int:
        """Number of networks to evaluate after so many epochs are trained and evaluated."""
        epochs, interval = self._recipe.epochs, self._recipe.eval_interval
        left = epochs // interval - epochs_done // interval
        if epochs % interval and epochs_done < epochs:
            left += 1  # the last epoch is evaluated in any case
        return left * (2 if self._recipe.evaluate_raw else 1)

    def time_left(self, step: int, epochs_done: int) -> str | None:
        """The time left as text, such as `0:12:30`; None before the session's first step.

        While no evaluation has been timed, those to come are named instead of guessed, as in
        `0:12:30 + 3 evaluations`.

        Args:
            step: number of steps done in the whole run.
            epochs_done: number of epochs done, evaluations included.
        """
        seconds = self.step_seconds()
        if seconds is None:
            return None
        left = seconds * (self._recipe.epochs * self._steps_per_epoch - step)
        evaluations = self.evaluations_left(epochs_done)
        unknown = ""
        if self._evaluations:
            left += evaluations * sum(self._evaluations) / len(self._evaluations)
        elif evaluations:
            unknown = f" + {evaluations} evaluation{'s' if evaluations > 1 else ''}"
        return f"{timedelta(seconds=round(left))}{unknown}"
