"""Running a command: `yolox-ela NAME`, `python -m yolox_ela NAME` or `python tools/NAME.py`."""

import errno
import gc
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# Nothing here takes long to import: `Interrupts` must be there before a user presses Ctrl-C.
from yolox_ela.commands.exit_codes import (
    EXIT_ELSEWHERE,
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_UNREAD,
)
from yolox_ela.errors import EndedElsewhereError, UserError
from yolox_ela.system.interrupts import Interrupts, StoppedAtOnce
from yolox_ela.system.processes import (
    error_line,
    is_launched_here,
    rank,
    watch_launcher,
    world_size,
)
from yolox_ela.system.program import PROGRAM

REPORT_SECONDS = 2  # for the process that has failed: torchrun ends all once one of them has ended
# Name as typed: its module in this folder, which does the work, and what it does. The module's name
# with _options behind it is that of the light one, which has the options.
COMMANDS = {
    "train": ("train", "train an experiment and evaluate it"),
    "eval": ("evaluate", "evaluate weights on a set of images"),
    "predict": ("predict", "detect objects in pictures"),
    "export": ("export", "write a network as a file for other programs"),
    "explain": ("explain", "explain detections by maps of where their scores come from"),
    "ui": ("ui", "try networks on a page in the browser, on this machine"),
    "dataset": ("dataset", "check, count, convert, divide, download or generate data sets"),
    "report": ("report", "report on a run, or on several side by side"),
    "study": ("study", "run many trainings as one question, and say what their scores support"),
    "table": ("table", "print the project's tables, or write them into files"),
}


def main() -> NoReturn:
    """The program `yolox-ela`: runs/ and datasets/ lie in the current folder."""
    _open_closed_streams()
    with ending_with_reader():
        name = _command_name(sys.argv[1:])
    sys.argv = [f"{PROGRAM} {name}", *sys.argv[2:]]
    try:
        home = Path.cwd()
    except OSError as error:
        print(f"error: the current folder: {error.strerror}; change to another", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    run_command(name, home)


def _open_closed_streams() -> None:
    """Give the program an output where it was started without one, as by `>&-`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _command_name(words: Sequence[str]) -> str:
    """The command in the words of the command line; without one, the program ends here."""
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        sys.exit(0 if words else EXIT_ERROR)
    name = words[0]
    if name not in COMMANDS:
        from yolox_ela.overrides import did_you_mean

        hint = did_you_mean(name, COMMANDS)
        print(f"error: no command '{name}'{'; ' if hint else ''}{hint}", file=sys.stderr)
        print(usage(), file=sys.stderr)
        sys.exit(EXIT_ERROR)
    return name


def run_command(name: str, home: Path) -> NoReturn:
    """Run one of `COMMANDS`, whose options stand in sys.argv; `home` holds runs/ and datasets/.

    The options are read and checked first, since what does the work takes seconds to import.
    """
    _open_closed_streams()
    interrupts = _interrupts()
    module = f"yolox_ela.commands.{COMMANDS[name][0]}"

    def command() -> int:
        from yolox_ela.system.libraries import explain_missing_libraries

        args = import_module(f"{module}_options").parse(home)
        with explain_missing_libraries(), _without_garbage_collection():
            work = import_module(module)
        interrupts.begin_work()
        return work.main(args)

    _run(command, interrupts)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """For imports, a fifth of whose time would go to looking for garbage: what they make stays."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def usage() -> str:
    """The commands, a line each."""
    lines = [f"  {name:8} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [f"usage: {PROGRAM} COMMAND ...", "", *lines, "", f"{PROGRAM} COMMAND --help says more."]
    )


def launcher_words() -> list[str]:
    """What Python is to run to start this command again: a script, or this package."""
    program, *words = sys.argv[0].split(" ")
    if program == PROGRAM:
        return ["-m", "yolox_ela", *words, *sys.argv[1:]]
    return list(sys.argv)


def run(main: Callable[[], int]) -> NoReturn:
    """Run the `main` of a script of its own, as `run_command` runs a command."""
    _open_closed_streams()
    interrupts = _interrupts()
    interrupts.begin_work()
    _run(main, interrupts)


def _interrupts() -> Interrupts:
    interrupts = Interrupts(speaks=rank() == 0 and not is_launched_here())
    interrupts.install()
    return interrupts


def _run(main: Callable[[], int], interrupts: Interrupts) -> NoReturn:
    """Exit with the code that `main` returns; a UserError becomes one message and exit code 2."""
    from yolox_ela.system.logs import log_to_screen
    from yolox_ela.system.resources import explained

    log_to_screen(main_process=rank() == 0)
    watch_launcher()
    with ending_with_reader():
        try:
            with explained(), interrupts.from_signals_alone():
                code = main()
            interrupts.ignore()  # from here on, Python itself would end by the signal
            sys.exit(code)
        except EndedElsewhereError as error:
            interrupts.ignore()
            if not is_launched_here():  # which knows why, and says so
                print(error_line(str(error)), file=sys.stderr, flush=True)
            time.sleep(REPORT_SECONDS)
            _end_at_once(EXIT_ELSEWHERE)
        except UserError as error:
            interrupts.ignore()
            print(error_line(str(error)), file=sys.stderr)
            if world_size() > 1:
                _end_at_once(EXIT_ERROR)
            sys.exit(EXIT_ERROR)
        except KeyboardInterrupt as error:
            interrupts.ignore()
            if not isinstance(error, StoppedAtOnce):
                interrupts.say()
            sys.exit(EXIT_INTERRUPTED)


def _end_at_once(code: int) -> NoReturn:
    """End one process of several: closing what connects them may wait for hours."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def ending_with_reader() -> Iterator[None]:
    """End quietly where nobody reads the output any longer, as in `yolox-ela eval ... | head -1`.

    The exit code is then that of a program that the signal SIGPIPE has ended.
    """
    try:
        try:
            yield
        finally:
            # What is still kept would fail after the last line of this program.
            if sys.stdout is not None and not sys.stdout.closed:  # by an experiment's file
                sys.stdout.flush()
    except BrokenPipeError:
        if not _output_is_unread():
            raise
        _output_into_nothing()
        sys.exit(EXIT_UNREAD)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename:
            raise
        _output_into_nothing()
        print("error: the disk of the output is full: free space", file=sys.stderr)
        sys.exit(EXIT_ERROR)


def _output_into_nothing() -> None:
    """Discard what is left: Python flushes once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _output_is_unread() -> bool:
    """Whether the pipe that the output goes to has lost its reader."""
    if not hasattr(select, "poll"):  # Windows, which has other errors for this
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))  # errors are told without being asked for
