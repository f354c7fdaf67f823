"""`yolox-ela report`, with runs/ and datasets/ in this checkout."""

from pathlib import Path

from yolox_ela.commands.entry import run
from yolox_ela.commands.report import main

if __name__ == "__main__":
    run(lambda: main(Path(__file__).resolve().parent.parent))
