"""A limit of time: a run stops early enough to save and evaluate its weights within it."""

import time
from collections.abc import Callable
from datetime import timedelta

from yolox_ela.train.pace import Pace

FEWEST_STEPS = 5  # of this session, from which the time of an evaluation can be estimated
SAVE_SECONDS = 5.0  # for the files at the end


class TimeLimit:
    """When a run is to stop.

    An evaluation takes as long as the longest one so far in this session; before the first one, as
    long as training takes for as many images, which is more than it needs.

    Args:
        seconds: the time from `started` to the end of the command; None for no limit.
        started: when the command began, by `clock`; by default now.
        images: number of images of an evaluation.
        clock: gives seconds; a test passes its own.
    """

    def __init__(
        self,
        seconds: float | None = None,
        started: float | None = None,
        *,
        images: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._images, self._seconds = clock, images, seconds
        self._end = (clock() if started is None else started) + (seconds or 0.0)

    def __str__(self) -> str:
        return str(timedelta(seconds=round(self._seconds or 0.0)))

    def is_near(self, pace: Pace, steps: int) -> bool:
        """Whether so many further steps and an evaluation would end too late."""
        if self._seconds is None:
            return False
        left = self._end - self._clock()
        if pace.steps_timed() < FEWEST_STEPS:
            return left <= 0
        step = pace.step_seconds() or 0.0
        return left < steps * step + self._files() + pace.evaluation_seconds(self._images)

    def suffices(self, pace: Pace) -> bool:
        """Whether an evaluation ends in time if it begins now."""
        return self._end - self._clock() >= pace.evaluation_seconds(self._images)

    def _files(self) -> float:
        """Seconds kept for the files at the end; less if the whole limit is short."""
        return min(SAVE_SECONDS, (self._seconds or 0.0) / 10)
