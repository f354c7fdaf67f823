"""Two trainings, one after the other, in a process of its own or one of several.

    python node_runs.py DATA FOLDER

The first, `short`, comes to its end; the second, `long` and of another precision, is to be killed.
"""

import sys
from pathlib import Path

from yolox_ela import train
from yolox_ela.commands.entry import run

SETTINGS = {"checkpoint": "none", "device": "cpu", "batch_size": 4, "image_size": 64, "threads": 1}
SETTINGS |= {"eval_interval": 100, "workers": 0, "no_report": True, "tracker": "none"}


def short(data: Path, folder: Path) -> None:
    """One epoch."""
    train("nano", data=data, output=folder / "short", epochs=1, **SETTINGS)


def main() -> int:
    """Both trainings."""
    data, folder = map(Path, sys.argv[1:])
    short(data, folder)
    train("nano", data=data, output=folder / "long", epochs=500, precision="bf16", **SETTINGS)
    return 0


if __name__ == "__main__":
    run(main)
