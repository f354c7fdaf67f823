"""What the command lines in tools/ have in common."""

import argparse
import json
from pathlib import Path
from typing import Any

from yolox_ela.datasets.download import prepare_voc
from yolox_ela.datasets.names import parse_set
from yolox_ela.errors import UserError
from yolox_ela.system.files import write_atomically


def tool_parser(
    description: str, *, experiment: bool = True, required: bool = True
) -> argparse.ArgumentParser:
    """A parser with the options that every tool has.

    Args:
        description: a line on the tool, for --help.
        experiment: whether the tool takes -f and --device.
        required: whether -f must be given; otherwise the weights name their experiment.
    """
    parser = argparse.ArgumentParser(description=description)
    if experiment:
        parser.add_argument(
            "-f",
            "--experiment",
            type=Path,
            required=required,
            help="experiment file in exps/" + ("" if required else "; default as the weights say"),
        )
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    return parser


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """--data and --archives."""
    parser.add_argument(
        "--data", type=Path, help="VOCdevkit-layout folder; without it datasets/ is filled"
    )
    parser.add_argument(
        "--archives", type=Path, help="folder with VOC's tar files, instead of a download"
    )


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Trailing pairs of recipe field and value."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="field value",
        help="any recipe field, as in: lr 0.01 or lr=0.01",
    )


def add_record_options(parser: argparse.ArgumentParser, project: Path) -> None:
    """--record and --data-name."""
    parser.add_argument(
        "--record",
        nargs="?",
        type=_record_file,
        const=project / "exps" / "results.csv",
        metavar="FILE",
        help="add the final results as a row to this .csv file; default exps/results.csv",
    )
    parser.add_argument(
        "--data-name",
        metavar="NAME",
        help="what to record the data as; default VOC, or the name of the --data folder",
    )


def _record_file(text: str) -> Path:
    """A file to record in; refused here, since it may be a recipe field that --record took."""
    if not text.endswith(".csv"):
        raise argparse.ArgumentTypeError(
            f"'{text}' does not end in .csv; a recipe field must not follow --record directly"
        )
    return Path(text)


def data_name(args: argparse.Namespace) -> str:
    """What results call the data: --data-name, else VOC if datasets/ is used, else its folder."""
    if args.data_name:
        return args.data_name
    return "VOC" if args.data is None else args.data.resolve().name or "data"


def locate_data(args: argparse.Namespace, sets: tuple[str, ...], project: Path) -> Path:
    """The folder to read VOC from: --data as given, or datasets/, filled if need be.

    Raises:
        UserError: the folder does not exist, or VOC can neither be found nor downloaded.
    """
    if args.data is not None:
        if args.archives is not None:
            raise UserError("--archives fills datasets/, --data reads elsewhere: give one of them")
        if not args.data.is_dir():
            raise UserError(f"--data {args.data} is not a folder")
        return args.data
    pairs = [parse_set(entry) for entry in sets]
    return prepare_voc(project / "datasets", pairs, archives=args.archives)


def write_result(content: Any, path: Path) -> None:
    """Write JSON to a file."""
    text = json.dumps(content, indent=2)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
