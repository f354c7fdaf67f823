"""How the user has started this program, and so how they start its other commands."""

import shlex
import sys
from pathlib import Path

PROGRAM = "yolox-ela"
# The scripts in tools/ by the command that each runs.
SCRIPTS = {
    "train": "train.py",
    "eval": "eval.py",
    "predict": "demo.py",
    "dataset": "dataset.py",
    "report": "report.py",
    "table": "table.py",
}


def command_words(name: str) -> list[str]:
    """How the user starts a command, in the way that this one was started.

    Args:
        name: a key of `SCRIPTS`.
    """
    script = Path(sys.argv[0])
    if script.name in SCRIPTS.values() and script.absolute().parent.name == "tools":
        return [python_word(), str(script.with_name(SCRIPTS[name]))]
    module = getattr(sys.modules["__main__"], "__spec__", None)  # none for an installed program
    if module is not None and module.name.partition(".")[0] == "yolox_ela":
        return [python_word(), "-m", "yolox_ela", name]
    return [PROGRAM, name]


def command_text(name: str) -> str:
    """`command_words` as it is typed, for messages."""
    return shlex.join(command_words(name))


def python_word() -> str:
    """`python` where the shell finds this interpreter by that name, else its path."""
    import shutil  # not before a command handles Ctrl-C: it imports much

    found = shutil.which("python")
    here = Path(sys.executable).parent
    return "python" if found and Path(found).parent == here else sys.executable
