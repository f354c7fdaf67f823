"""Running a command: `yolox-ela NAME`, `python -m yolox_ela NAME` or `python tools/NAME.py`."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from yolox_ela.errors import EndedElsewhereError, UserError
from yolox_ela.overrides import did_you_mean
from yolox_ela.system.libraries import explain_missing_libraries
from yolox_ela.system.logs import log_to_screen
from yolox_ela.system.resources import explained

EXIT_ERROR, EXIT_INTERRUPTED = 2, 130
REPORT_SECONDS = 2  # for the process that has failed: torchrun ends all once one of them has ended
PROGRAM = "yolox-ela"
# Name as typed: its module in this folder, which does the work, and what it does. The module's name
# with _options behind it is that of the light one, which has the options.
COMMANDS = {
    "train": ("train", "train an experiment and evaluate it"),
    "eval": ("evaluate", "evaluate weights on a set of images"),
    "predict": ("predict", "detect objects in pictures"),
    "dataset": ("dataset", "check, count, convert, divide, download or generate data sets"),
    "report": ("report", "report on a run, or on several side by side"),
    "table": ("table", "print the project's tables, or write them into files"),
}
SCRIPTS = {"predict": "demo.py"}  # in tools/, where a script is not called as its command


def main() -> NoReturn:
    """The program `yolox-ela`: runs/ and datasets/ lie in the current folder."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        sys.exit(0 if words else EXIT_ERROR)
    name = words[0]
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS)
        print(f"error: no command '{name}'{'; ' if hint else ''}{hint}", file=sys.stderr)
        print(usage(), file=sys.stderr)
        sys.exit(EXIT_ERROR)
    sys.argv = [f"{PROGRAM} {name}", *words[1:]]
    run_command(name, Path.cwd())


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


def command_words(name: str) -> list[str]:
    """How the user starts another command, in the way that this one was started.

    Args:
        name: a key of `COMMANDS`.
    """
    script = sys.argv[0]
    if script.split(" ")[0] != PROGRAM:
        return [python_word(), str(Path(script).with_name(SCRIPTS.get(name, f"{name}.py")))]
    module = getattr(sys.modules["__main__"], "__spec__", None)  # none for an installed program
    return [PROGRAM, name] if module is None else [python_word(), "-m", "yolox_ela", name]


def python_word() -> str:
    """`python` where the shell finds this interpreter by that name, else its path."""
    found = shutil.which("python")
    here = Path(sys.executable).parent
    return "python" if found and Path(found).parent == here else sys.executable


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with the code that `main` returns; a UserError becomes one message and exit code 2."""
    log_to_screen(main_process=os.environ.get("RANK", "0") == "0")  # torchrun numbers processes
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
