"""Logging of the tools: readable lines on the screen, above a progress bar, and in a file."""

import io
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loguru import logger
from tqdm.auto import tqdm

from yolox_ela.errors import UserError

SCREEN_FORMAT = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {message}"
FILE_FORMAT = "{time:YYYY-MM-DD HH:mm:ss} {level: <7} {message}"


def log_to_screen(*, main_process: bool = True) -> None:
    """Send messages to stderr, from the main process only."""
    logger.remove()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that the screen's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    colors = sys.stderr.isatty()
    if main_process:
        logger.add(_write_above_bar, format=SCREEN_FORMAT, level="INFO", colorize=colors)
    ignore_foreign_warnings()


def ignore_foreign_warnings() -> None:
    """Hide warnings of libraries that a user can do nothing about."""
    # Upstream's assignment uses an old spelling of autocast, at every image.
    warnings.filterwarnings("ignore", message=".*torch.cuda.amp.autocast.*")
    warnings.filterwarnings("ignore", message=".*CUDA is not available.*")


def _write_above_bar(message: str) -> None:
    tqdm.write(message, end="", file=sys.stderr)


def collect_log() -> Callable[[], list[str]]:
    """Also collect messages, for a file that cannot be written yet; ends with the result's call."""
    lines: list[str] = []
    sink = logger.add(lines.append, format=FILE_FORMAT, level="DEBUG")

    def finish() -> list[str]:
        logger.remove(sink)
        return lines

    return finish


@contextmanager
def log_to_file(path: Path, earlier: Sequence[str] = ()) -> Iterator[None]:
    """Within `with`, also append messages to a file, and the UserError that leaves it.

    Where the file can no longer be written, one warning on the screen says so, and the work goes
    on.

    Args:
        path: the file; its folder exists.
        earlier: lines to begin with, from `collect_log`.
    """
    with path.open("ab", buffering=0) as file:
        file.write(_encoded("".join(earlier)))
        sink = logger.add(_Appended(file), format=FILE_FORMAT, level="DEBUG")
        try:
            yield
        except UserError as error:
            logger.debug("{}", error)
            raise
        finally:
            logger.remove(sink)


class _Appended:
    """A sink that appends to a file for as long as it can be written.

    Args:
        file: the file, open for appending without a buffer.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file, self._failed = file, False

    def write(self, message: str) -> None:
        """Append a message."""
        try:
            self._file.write(_encoded(message))
        except OSError as error:
            if not self._failed:
                told = f"{self._file.name} misses what is logged from here on: {error.strerror}"
                _write_above_bar(f"warning: {told}\n")
            self._failed = True


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")
