"""The options of `dataset stats`, `convert` and `split`; nothing heavy is loaded."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yolox_ela.commands.options import add_overrides

STATS = "count a data set's images and objects, as tables and a picture"
CONVERT = "write a data set in another format, its images as they are"
SPLIT = "divide a data set by shares, every class spread evenly, and write the parts"
FORMATS = ("voc", "coco", "yolo")
PLACINGS = ("copy", "hardlink", "symlink")


def add_tools(commands: Any, runs: dict[str, Callable[[argparse.Namespace], int]]) -> None:
    """Add the three commands.

    Args:
        commands: what `add_subparsers` gave.
        runs: what does the work of each, by its name.
    """
    stats = commands.add_parser("stats", help=STATS, description=STATS)
    _add_data(stats)
    stats.add_argument(
        "--json", type=Path, metavar="FILE", help="write JSON here; - for the screen"
    )
    stats.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="where stats.png goes (default: a new "
        "folder runs/stats)"
    )  # fmt: skip

    convert = commands.add_parser("convert", help=CONVERT, description=CONVERT)
    _add_data(convert)
    convert.add_argument("--to", choices=FORMATS, required=True, help="the format to write")
    _add_output(convert)

    split = commands.add_parser("split", help=SPLIT, description=SPLIT)
    _add_data(split)
    split.add_argument(
        "--shares", type=_shares, default=(0.8, 0.2), metavar="A,B[,C]",
        help="of train and val, or of train, val and test (default: 0.8,0.2)",
    )  # fmt: skip
    split.add_argument("--seed", type=int, default=0, help="of the shuffling (default: 0)")
    _add_output(split)
    for name, parser in (("stats", stats), ("convert", convert), ("split", split)):
        add_overrides(parser)
        parser.set_defaults(run=runs[name])


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, metavar="PATH",
        help="a folder, a COCO JSON file or a data.yaml",
    )  # fmt: skip
    parser.add_argument(
        "--sets", nargs="+", metavar="SET", help="sets of the data (default: all; of a VOCdevkit "
        "trainval and test)"
    )  # fmt: skip


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="a folder to be made"
    )
    parser.add_argument(
        "--images", choices=PLACINGS, default=PLACINGS[0],
        help="how images get there (default: copy)",
    )  # fmt: skip


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no list of numbers such as 0.8,0.2"
        ) from None
