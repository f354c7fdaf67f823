"""Running a command: `yolox-ela NAME`, `python -m yolox_ela NAME` or `python tools/NAME.py`."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from yolox_ela.errors import EndedElsewhereError, UserError
from yolox_ela.overrides import did_you_mean
from yolox_ela.system.libraries import explain_missing_libraries
from yolox_ela.system.logs import log_to_screen
from yolox_ela.system.program import PROGRAM
from yolox_ela.system.resources import explained

EXIT_ERROR, EXIT_INTERRUPTED = 2, 130
EXIT_UNREAD = 141  # as a shell shows a program that the signal SIGPIPE has ended
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
    with ending_with_reader():
        name = _command_name(sys.argv[1:])
    sys.argv = [f"{PROGRAM} {name}", *sys.argv[2:]]
    run_command(name, Path.cwd())


def _command_name(words: Sequence[str]) -> str:
    """The command in the words of the command line; without one, the program ends here."""
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        sys.exit(0 if words else EXIT_ERROR)
    name = words[0]
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS)
        print(f"error: no command '{name}'{'; ' if hint else ''}{hint}", file=sys.stderr)
        print(usage(), file=sys.stderr)
        sys.exit(EXIT_ERROR)
    return name


def run_command(name: str, home: Path) -> NoReturn:
    """Run one of `COMMANDS`, whose options stand in sys.argv; `home` holds runs/ and datasets/.

    The options are read and checked first, since what does the work takes seconds to import.
    """
    module = f"yolox_ela.commands.{COMMANDS[name][0]}"

    def command() -> int:
        args = import_module(f"{module}_options").parse(home)
        with explain_missing_libraries():
            work = import_module(module)
        return work.main(args)

    run(command)


def usage() -> str:
    """The commands, a line each."""
    lines = [f"  {name:8} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [f"usage: {PROGRAM} COMMAND ...", "", *lines, "", f"{PROGRAM} COMMAND --help says more."]
    )


def launcher_words() -> list[str]:
    """How torchrun is to start this command again: a script, or this package as a module."""
    program, *words = sys.argv[0].split(" ")
    if program == PROGRAM:
        return ["--module", "yolox_ela", *words, *sys.argv[1:]]
    return list(sys.argv)


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with the code that `main` returns; a UserError becomes one message and exit code 2."""
    log_to_screen(main_process=os.environ.get("RANK", "0") == "0")  # torchrun numbers processes
    with ending_with_reader():
        try:
            with explained():
                code = main()
            sys.exit(code)
        except EndedElsewhereError:
            time.sleep(REPORT_SECONDS)
            sys.exit(EXIT_ERROR)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(EXIT_ERROR)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(EXIT_INTERRUPTED)


@contextmanager
def ending_with_reader() -> Iterator[None]:
    """End quietly where nobody reads the output any longer, as in `yolox-ela eval ... | head -1`.

    The exit code is then that of a program that the signal SIGPIPE has ended.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # what is still kept would fail after the last line of this program
    except BrokenPipeError:
        if not _output_is_unread():
            raise
        # Python flushes once more at its end, into nothing then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_UNREAD)


def _output_is_unread() -> bool:
    """Whether the pipe that the output goes to has lost its reader."""
    if not hasattr(select, "poll"):  # Windows, which has other errors for this
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))  # errors are told without being asked for
