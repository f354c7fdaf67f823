"""Ctrl-C and SIGTERM end a run after the step in progress."""

import os
import signal
from types import FrameType, TracebackType

from loguru import logger


class StopRequest:
    """Within `with`, the first SIGINT or SIGTERM sets `requested`; a second one interrupts."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
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
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        # Not through the logger, which the signal may have interrupted.
        name = signal.Signals(number).name
        text = f"\n{name}: finishing the step and saving; again to stop at once\n"
        os.write(2, text.encode())
