"""The names that a run keeps in its folder, and the check that no other output replaces them."""

from pathlib import Path

from yolox_ela.errors import UserError

# What a run writes before its first epoch, so that nothing is lost with it.
START_FILES = (
    "config.json",
    "environment.json",
    "train.log",
    "data.npz",
    "trackers.json",
    "tensorboard",
    "wandb",
    "mlflow",
    "trackio",
)
# What a run keeps in its folder, and an evaluation with --report.
TRAINING_FILES = (
    "config.json",
    "train.log",
    "data.npz",
    "trackers.json",
    "metrics.csv",
    "timing.json",
    "state.pth",
    "last.pth",
    "best.pth",
    "curves.png",
    "predictions.png",
)
EVALUATION_FILES = ("environment.json", "results.json", "evaluation.npz", "report.html")
# Where one of these is, the folder is that of a run or of an evaluation with --report.
MARKS = ("state.pth", "train.log", "evaluation.npz")
OWN = {*START_FILES, *TRAINING_FILES, *EVALUATION_FILES, "report", ".lock", ".holder.json"}


def require_no_file_of_run(option: str, path: Path) -> None:
    """Make sure that an output does not replace what a run keeps in its folder.

    Args:
        option: the option that names the output.
        path: a file that is to be written.

    Raises:
        UserError: a run keeps a file of this name there, or a folder in which it would lie.
    """
    for folder in list(path.absolute().parents)[:2]:
        name = path.absolute().relative_to(folder).parts[0]
        if name in OWN and any((folder / mark).is_file() for mark in MARKS):
            raise UserError(
                f"{path} would replace {name} of the run in {folder}: give another name with "
                f"{option}"
            )
