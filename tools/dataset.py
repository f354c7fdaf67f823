"""`yolox-ela dataset`, with runs/ and datasets/ in this checkout."""

from pathlib import Path

from yolox_ela.commands.dataset import main
from yolox_ela.commands.entry import run

if __name__ == "__main__":
    run(lambda: main(Path(__file__).resolve().parent.parent))
