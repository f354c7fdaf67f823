"""The options of `yolox-ela study`, and what can be refused before torch is loaded."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from yolox_ela.commands.option_checks import (
    require_data,
    require_output_file,
    require_output_folder,
)
from yolox_ela.commands.options import add_device, add_output_folder, command_parser
from yolox_ela.commands.parser import duration, whole
from yolox_ela.errors import UserError
from yolox_ela.overrides import did_you_mean
from yolox_ela.study.study_file import ZERO_SHOT, read_study
from yolox_ela.study.study_parts import Study
from yolox_ela.system.files import require_writable

EXAMPLES = (
    "studies/sites/study.toml --data ~/VOCdevkit",
    "studies/sites/study.toml --data ~/VOCdevkit --quick -o runs/sites",
    "studies/sites/study.toml --table",
)
MOST_THREADS = 1024
OF_RUNS = ("data", "device", "jobs", "threads", "time_limit", "quick")  # options


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, `home`, and the `study` that the file describes.

    `data` becomes the path by the name of the data, `output` the folder of the study.

    Raises:
        UserError: an option is wrong, or the file says what cannot be run.
    """
    parser = command_parser(
        "Train methods with several seeds, side by side, and say what their scores support. "
        "Stopped or interrupted, the same command goes on.",
        "FILE [options]",
        EXAMPLES,
        fields=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the study's file, study.toml")
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        nargs="+",
        type=str,
        default=[],
        metavar="PATH",
        help="data set, as for train; NAME=PATH for each where the study has several (default: VOC "
        "in datasets/, downloaded if need be)",
    )
    runs = parser.add_argument_group("runs")
    add_device(runs)
    runs.add_argument(
        "--jobs",
        type=whole(1),
        metavar="N",
        help="runs side by side (default: on CUDA one a GPU, on a CPU as many as there are cores)",
    )
    runs.add_argument(
        "--threads",
        type=whole(1, MOST_THREADS),
        default=1,
        metavar="N",
        help="threads of each run on a CPU (default: 1)",
    )
    runs.add_argument(
        "--time-limit",
        type=duration,
        metavar="TIME",
        help="stop and save all runs after this time, as in 2h (default: the study's, or none)",
    )
    runs.add_argument(
        "--quick",
        action="store_true",
        help="try the study: a tenth of the epochs and images, in a folder of its own; its scores "
        "are no results (default: off)",
    )
    output = parser.add_argument_group("output")
    add_output_folder(output, "folder for runs, records, table and picture (default: that of FILE)")
    output.add_argument(
        "--table",
        action="store_true",
        help="start no run: only write table and picture from what is recorded (default: off)",
    )
    output.add_argument(
        "--into",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="also write the table into these Markdown files, between <!-- study NAME --> and "
        "<!-- /study NAME --> (default: nowhere)",
    )
    output.add_argument(
        "--rows",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="with --into: only the rows of these methods, without sentences (default: the whole "
        "table)",
    )
    args = parser.parse_args()
    args.home, args.started = home, time.monotonic()
    args.study = read_study(args.file)
    if args.table and (useless := [name for name in OF_RUNS if name in args.given - {"quick"}]):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
        raise UserError(f"--table starts no run, without effect on it: {names}")
    require_rows(args.rows, args.into, args.study)
    args.data = data_paths(args.data, args.study)
    if args.time_limit is None and args.study.time_limit:
        args.time_limit = _duration(args.study)
    require_output_folder("-o", args.output)
    args.output = args.output or args.study.path.parent
    if args.quick:
        args.output = args.output / "quick"
    require_writable(args.output / "table.md")
    for path in args.into:
        require_output_file("--into", path)
    return args


def require_rows(methods: Sequence[str], files: Sequence[Path], study: Study) -> None:
    """Raise UserError unless the tables can have rows of these methods, and go into files."""
    names = [one.name for one in (*study.methods, *study.beside)] + [ZERO_SHOT]
    for method in methods:
        if method not in names:
            hint = did_you_mean(method, names) or f"there are {', '.join(names)}"
            raise UserError(f"--rows {method}: the study has no such method; {hint}")
    if methods and not files:
        raise UserError("--rows chooses what --into writes: give a file with --into, too")


def data_paths(given: Sequence[str], study: Study) -> dict[str, Path]:
    """The paths of --data by the names of the study's data; a path without a name is for all.

    Raises:
        UserError: a path does not exist, or data are named twice or not at all.
    """
    names = [data.name for data in study.data]
    paths: dict[str, Path] = {}
    for word in given:
        name, equals, path = word.partition("=")
        if not equals or (name not in names and Path(word).exists()):
            if len(given) > 1:
                raise UserError(
                    f"--data {word}: of several paths each needs the name of the data, as in "
                    f"{names[0]}=PATH"
                )
            paths = dict.fromkeys(names, Path(word))
        elif name not in names:
            hint = did_you_mean(name, names) or f"it has {', '.join(names)}"
            raise UserError(f"--data {word}: the study has no data '{name}'; {hint}")
        elif name in paths:
            raise UserError(f"--data names {name} twice")
        else:
            paths[name] = Path(path)
    if missing := [name for name in names if paths and name not in paths]:
        raise UserError(f"--data names no path for {', '.join(missing)}")
    for found in paths.values():
        require_data("--data", found)
    return {name: found.resolve() for name, found in paths.items()}


def _duration(study: Study) -> float:
    try:
        return duration(study.time_limit)
    except argparse.ArgumentTypeError as error:
        raise UserError(f"{study.path}, [study]: time_limit: {error}") from error
