"""`train --resume` without -f: the run's own experiment, settings, data and options."""

import argparse
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.exp_file import host_experiments, own_experiments
from yolox_ela.overrides import pairs_to_dict, recorded_settings
from yolox_ela.train.run_files import read_config, read_environment, read_trackers
from yolox_ela.train.run_folder import latest_run_path

PACKAGE_EXPERIMENT = "package_experiment"  # in config.json, beside the settings
# Options that a run records in environment.json, and that its resumption takes from there.
KEPT_OPTIONS = ("device", "devices", "augment", "cache", "compile", "deterministic")
# Options that a run has settled at its start.
SETTLED = {"recipe": "--recipe", "sample": "--sample", "quick": "--quick", "overfit": "--overfit"}


def adopt_run(args: argparse.Namespace) -> None:
    """Complete the options of `train --resume` by what the run recorded.

    With -f, the command stands for itself. Without it, `args.settings` becomes the settings of the
    run in -o, or of the newest run of all, and options that were not typed become the run's.

    Args:
        args: the options as typed; they are changed.

    Raises:
        UserError: there is no run to resume, its files do not say how to go on, or an option is
            typed that only a new run can take.
    """
    args.settings = None
    if args.experiment is not None:
        return
    for name, option in SETTLED.items():
        if name in args.given:
            raise UserError(
                f"--resume without -f continues a run with its own settings: leave {option} out, "
                "or name the experiment with -f"
            )
    if args.output is None:
        args.output = latest_run_path(args.home / "runs")
    folder = args.output
    remedy = f"resume {folder} with the options that it was started with, and -f"
    for name in ("config.json", "environment.json"):
        if not (folder / name).exists():
            raise UserError(
                f"nothing to resume: there is no {folder / name}; name the run's folder with -o, "
                "or the experiment with -f"
            )
    config = read_config(folder, remedy)
    newest = read_environment(folder, remedy)[-1]
    args.experiment = _experiment_of(config.pop(PACKAGE_EXPERIMENT, ""), config, folder)
    args.settings = _trusted(recorded_settings(config), pairs_to_dict(args.overrides), folder)
    options = newest.get("options", {})
    for name in KEPT_OPTIONS:
        if name in options and name not in args.given:
            setattr(args, name, options[name])
    if "tracker" not in args.given:
        args.tracker = list(read_trackers(folder / "trackers.json")) or ["none"]
    if "data" not in args.given and "archives" not in args.given:
        if "data" not in newest:
            raise UserError(f"{folder / 'environment.json'} does not say where its data are: "
                            "name them with --data")  # fmt: skip
        args.data = _data_of(Path(newest["data"]), args.home)


def kept_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that a resumption takes over, for environment.json."""
    return {name: getattr(args, name) for name in KEPT_OPTIONS}


def _experiment_of(package_name: str, config: dict[str, Any], folder: Path) -> Path:
    """The package's own experiment that the run trains."""
    if package_name not in own_experiments() | host_experiments():
        raise UserError(
            f"{folder} trains '{config.get('name', 'an experiment')}', and its config.json names "
            "none of the package's own experiments: give the experiment's file with -f (files "
            "that a run names are never run by themselves)"
        )
    return Path(package_name)


def _trusted(settings: dict[str, Any], typed: dict[str, str], folder: Path) -> dict[str, Any]:
    """The settings, unless their attention is a file's that the user has not named again."""
    attention = str(settings.get("attention", ""))
    if "attention" in typed:
        return {name: value for name, value in settings.items() if name != "attention"}
    if ".py:" in attention:
        raise UserError(
            f"{folder} trains the attention {attention}, and a file that a run names is never run "
            f"by itself: if you trust it, name it again, as in --resume attention={attention}"
        )
    network = str(settings.get("network", ""))
    if "network" in typed:
        return {name: value for name, value in settings.items() if name != "network"}
    if network:
        raise UserError(
            f"{folder} trains the network {network}, and a file that a run names is never run by "
            f"itself: if you trust it, name it again, as in --resume network={network}"
        )
    return settings


def _data_of(recorded: Path, home: Path) -> Path | None:
    """The run's data; None for VOC in datasets/."""
    return None if recorded.resolve() == (home / "datasets").resolve() else recorded
