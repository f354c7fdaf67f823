"""`yolox-ela ui`, with runs/ and datasets/ in this checkout."""

from pathlib import Path

from yolox_ela.commands.entry import run_command

if __name__ == "__main__":
    run_command("ui", Path(__file__).resolve().parent.parent)
