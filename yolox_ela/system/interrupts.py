"""Ctrl-C and SIGTERM from the first line of a command to its last: one line at most."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from yolox_ela.errors import UserError

EXIT_INTERRUPTED = 130  # as a shell shows a program that Ctrl-C has ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def tell(text: str) -> None:
    """Write a line to the screen, also within a handler: nothing is buffered or locked.

    A screen that is gone, as a closed terminal is, must not keep anything from ending.
    """
    with suppress(OSError):
        os.write(2, f"{text}\n".encode(errors="backslashreplace"))


class StoppedAtOnce(KeyboardInterrupt):
    """A further signal to what was asked to stop already, and has said so."""


class Interrupts:
    """What these signals do to a command, once `install` has been called.

    While it starts, they end it at once: an exception would surface within the import of a
    library, and some of these print or swallow it. From `begin_work` on, the first one raises
    KeyboardInterrupt, so that the work can close what it has opened; a second one ends at once.

    Args:
        speaks: whether this process says that it was interrupted; of several, one does.
    """

    def __init__(self, *, speaks: bool) -> None:
        self._came = False
        self._speaks = speaks
        self._process = os.getpid()
        self._works = False

    def install(self) -> None:
        """Handle the signals from here on, until the process has ended."""
        for number in SIGNALS:
            signal.signal(number, self._handle)
        hook = sys.unraisablehook

        def quiet(error: "sys.UnraisableHookArgs") -> None:
            # Python would print, and then forget, one that surfaces while it deletes an object.
            if not issubclass(error.exc_type, KeyboardInterrupt):
                hook(error)

        sys.unraisablehook = quiet

    def begin_work(self) -> None:
        """All that the command needs is imported."""
        self._works = True

    def ignore(self) -> None:
        """Ignore the signals from here on: the process is about to end."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def from_signals_alone(self) -> Iterator[None]:
        """Within `with`, turn a KeyboardInterrupt that no signal has raised into a UserError.

        The code of an experiment or a module has, and its user would look for who pressed Ctrl-C.
        """
        try:
            yield
        except KeyboardInterrupt as error:
            if self._came or isinstance(error, StoppedAtOnce):
                raise
            raise UserError(
                f"{_place_of(error)} raises KeyboardInterrupt, as Ctrl-C does, which nobody has "
                "pressed: let it raise another error"
            ) from error

    def say(self) -> None:
        """Tell the user, once."""
        if self._speaks:
            self._speaks = False
            tell("interrupted")

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._works and os.getpid() == self._process:
            self._works, self._came = False, True
            raise KeyboardInterrupt
        self._end()

    def _end(self) -> NoReturn:
        if os.getpid() == self._process:  # and not a loader process that has just been forked
            self.say()
        os._exit(EXIT_INTERRUPTED)


def _place_of(error: BaseException) -> str:
    """File and line that have raised an error."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return f"{place.tb_frame.f_code.co_filename}, line {place.tb_lineno}," if place else "something"
