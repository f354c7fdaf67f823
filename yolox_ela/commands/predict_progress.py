"""What `yolox-ela predict` prints while it works."""

import sys
import time
from typing import Any, TextIO

from yolox_ela.predict.result import Result

LISTED = 20  # detections of a picture that a line names
PAUSE = 5.0  # seconds between the lines of a video
QUICK_PAUSE = 0.5  # the same on a terminal, where one line is overwritten


class Progress:
    """A line for each picture, and lines for a video while it is worked on.

    Args:
        total: the number of sources.
        screen: where to print; None for nowhere.
    """

    def __init__(self, total: int, screen: TextIO | None) -> None:
        self._total, self._screen = total, screen
        self._number, self._source = 0, None
        self._start = self._printed = time.monotonic()
        self._begun = self._start
        self.pictures = self.frames = self._objects = self._of_source = 0

    def add(self, result: Result) -> None:
        """Count a result and print what is due."""
        now = time.monotonic()
        if result.frame is None:
            self.end_video()
            self.pictures += 1
            self._number += 1
            self._print(f"{self._place()} {result.source}: {_found(result)}")
            return
        if result.source != self._source:
            self.end_video()
            self._number += 1
            self._source, self._of_source, self._objects = result.source, 0, 0
            self._begun = self._printed = now
        self.frames += 1
        self._of_source += 1
        self._objects += len(result)
        is_terminal = self._screen is not None and self._screen.isatty()
        if now - self._printed >= (QUICK_PAUSE if is_terminal else PAUSE):
            self._printed = now
            line = f"{self._place()} {result.source}: {self.speed():.1f} frames per second, frame "
            line += f"{result.frame + 1}: {result.counts() or 'nothing'}"
            self._print(line, end="\x1b[K\r" if is_terminal else "\n")

    def failed(self) -> None:
        """Count a source that could not be read."""
        if self._source is None:
            self._number += 1
        self.end_video()

    def speed(self) -> float:
        """Frames per second of the present video so far, everything included."""
        return self._of_source / max(1e-9, time.monotonic() - self._begun)

    def end_video(self) -> None:
        """Print the line about the video that has ended, if there is one."""
        if self._source is not None:
            self._print(
                f"{self._place()} {self._source}: {self._of_source} frames, "
                f"{self.speed():.1f} per second, {_objects(self._objects)} in all"
            )
        self._source = None

    def summary(self) -> str:
        """How much was looked at in which time, everything included."""
        parts = [f"{self.pictures} picture{'s' * (self.pictures != 1)}"] * bool(self.pictures)
        parts += [f"{self.frames} frame{'s' * (self.frames != 1)}"] * bool(self.frames)
        seconds = time.monotonic() - self._start
        rate = (self.pictures + self.frames) / max(1e-9, seconds)
        return f"{' and '.join(parts) or '0 pictures'} in {seconds:.1f} s ({rate:.1f} per second)"

    def _place(self) -> str:
        return f"{self._number}/{self._total}"

    def _print(self, line: str, end: str = "\n") -> None:
        if self._screen is not None:
            print(line, end=end, file=self._screen, flush=self._screen is not sys.stderr)


def _found(result: Result) -> str:
    """The objects of a picture in words, and the time they took."""
    listed = [
        f"{name} {score:.2f}" for name, score in zip(result.names, result.scores, strict=True)
    ]
    more = [f"and {len(listed) - LISTED} more"] if len(listed) > LISTED else []
    height, width = result.image.shape[:2]
    words = ", ".join([*listed[:LISTED], *more]) or "nothing"
    head = f"{width}x{height}, {1000 * result.seconds:.0f} ms, {_objects(len(listed))}"
    return f"{head}: {words}" if listed else f"{head}"


def _objects(number: int) -> str:
    return f"{number or 'no'} object{'s' * (number != 1)}"


def screen_of(quiet: bool, json_on_screen: bool) -> Any:
    """Where progress is printed: nowhere if quiet, beside JSON if that has the screen."""
    if quiet:
        return None
    return sys.stderr if json_on_screen else sys.stdout
