"""Checks of options that several commands have, made before torch is loaded."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from yolox_ela.choices import DETECTOR, START_NAMES
from yolox_ela.commands.json_results import SCREEN
from yolox_ela.datasets.around import require_outside_data
from yolox_ela.errors import UserError
from yolox_ela.exp_file import find_experiment
from yolox_ela.export.formats import is_exported
from yolox_ela.system.files import require_regular, require_writable
from yolox_ela.system.run_names import require_no_file_of_run

DATA_FILES = (".json", ".yaml", ".yml")


def require_experiment(path: Path | None) -> None:
    """Raise UserError if an experiment is named that there is not."""
    if path is not None:
        find_experiment(path)


def require_data_options(args: argparse.Namespace) -> None:
    """Raise UserError if --data or --archives is no folder, or one makes the other useless."""
    if args.data is not None and args.archives is not None:
        raise UserError("--archives fills datasets/, --data reads elsewhere: give one of them")
    require_data("--data", args.data)
    require_folder("--archives", args.archives)


def require_data(option: str, path: Path | None) -> None:
    """Raise UserError if an option names something else than a folder or a file of a data set."""
    if path is None or path.is_dir():
        return
    if not path.exists():
        raise UserError(f"{option} {path}: there is no such folder or file")
    if path.suffix.lower() not in DATA_FILES:
        raise UserError(
            f"{option} {path} is no data set: give a folder, a COCO JSON file or a data.yaml"
        )


def require_folder(option: str, path: Path | None) -> None:
    """Raise UserError if an option names something else than a folder."""
    if path is not None and not path.is_dir():
        raise UserError(f"{option} {path} is not a folder")


def require_weights(path: str | Path | None, *also: str, option: str = "-c") -> None:
    """Raise UserError if an option names no weights: neither a file nor one of the names."""
    names = (*START_NAMES, DETECTOR, *also)
    if path is None or str(path) in names or Path(path).is_file():
        return
    if is_exported(path) and Path(path).exists():  # some are folders
        return
    if Path(path).is_dir():
        raise UserError(
            f"{option} {path} is a folder: give the file in it, such as {path}/best.pth"
        )
    remedy = f"give a file of weights or {_either(names)}"
    require_regular(Path(path), f"{option}: {remedy}")
    raise UserError(f"{option} {path}: there is no such file; {remedy}")


def require_file(option: str, path: Path | None) -> None:
    """Raise UserError if an option names something else than a file to read."""
    if path is not None and not path.is_file():
        require_regular(path, f"name one with {option}")
        raise UserError(f"{option} {path}: there is no such file")


def require_outputs(args: argparse.Namespace, *names: str) -> None:
    """Raise UserError if a file to write cannot be written, or would replace an input."""
    taken: set[Path] = set()
    for name in names:
        path = getattr(args, name)
        if path is not None and path != SCREEN:
            require_output_file(f"--{name.replace('_', '-')}", path)
            if path.absolute() in taken:
                raise UserError(f"two outputs would be the same file, {path}: give each its own")
            taken.add(path.absolute())
            if name != "output":  # of a table, which may be any text
                _require_json_or_new(path)


def require_output_file(option: str, path: Path) -> None:
    """Raise UserError if a file cannot be written, or belongs to a data set or a run."""
    require_outside_data(option, path)
    require_no_file_of_run(option, path)
    require_writable(path)


def _require_json_or_new(path: Path) -> None:
    """Raise UserError if results, which are JSON, would replace a picture, weights or the like."""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(64).strip()
        if start and start[:1] not in (b"{", b"["):
            raise UserError(f"{path} is no JSON file, and would be lost: name another file")


def require_output_folder(option: str, path: Path | None, *, of_data: bool = False) -> None:
    """Make sure that a folder can be written into.

    Args:
        option: the option that names it.
        path: the folder; None for nothing to check.
        of_data: whether it is to be a data set itself, and may be one already.

    Raises:
        UserError: it is a file, or lies inside a data set.
    """
    if path is None:
        return
    if path.exists() and not path.is_dir():
        raise UserError(f"{option} {path} is a file: name a folder")
    if not of_data:
        require_outside_data(option, path)


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
