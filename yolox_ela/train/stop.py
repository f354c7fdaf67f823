"""Ctrl-C and SIGTERM end a run after the step in progress."""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType

from loguru import logger

from yolox_ela.system.interrupts import SIGNALS, StoppedAtOnce, tell
from yolox_ela.system.processes import is_launched_here, rank

# Within this time signals are the same wish: `timeout` and job schedulers send one to a program
# and to all of its processes, of which one passes it on, and a key is pressed twice.
SAME_SECONDS = 1.0


class StopRequest:
    """Within `with`, the first SIGINT or SIGTERM sets `requested`; a later one interrupts.

    Args:
        clock: gives seconds; a test passes its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.requested = False
        self._clock, self._asked_at = clock, 0.0
        self._process = os.getpid()
        self._speaks = rank() == 0 and not is_launched_here()
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        for number in SIGNALS:
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # signals can be set in the main thread only
                logger.warning("not in the main thread: Ctrl-C will not save before it stops")
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader process that has just been forked
            return
        if self.requested:
            if self._clock() - self._asked_at < SAME_SECONDS:
                return
            raise StoppedAtOnce
        self.requested, self._asked_at = True, self._clock()
        if self._speaks:
            # Not through the logger, which the signal may have interrupted.
            tell("\nstopping: finishing the step and saving; again to stop at once")
