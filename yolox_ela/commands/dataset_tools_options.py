"""The options of `dataset stats`, `convert` and `split`; nothing heavy is loaded."""

import argparse
from pathlib import Path
from typing import Any

from yolox_ela.commands.option_checks import require_data, require_output_folder
from yolox_ela.commands.options import Group, add_json, add_output_folder, add_overrides
from yolox_ela.errors import UserError
from yolox_ela.overrides import pairs_to_dict

STATS = "count the images and objects of a data set, as tables and a picture"
CONVERT = "write a data set in another format, its images as they are"
SPLIT = "divide a data set by shares, every class spread evenly, and write the parts"
FORMATS = ("voc", "coco", "yolo")
FIELDS = ("classes", "other_classes", "xml_counts_from")  # of the recipe
PLACINGS = ("copy", "hardlink", "symlink")


def add_tools(parts: Any, usage: str) -> None:
    """Add the three commands.

    Args:
        parts: what `add_subparsers` gave.
        usage: the usage line of a command that takes recipe fields.
    """
    stats = parts.add_parser("stats", help=STATS, description=STATS, usage=usage)
    _add_data(stats.add_argument_group("data"))
    output = stats.add_argument_group("output")
    add_json(output)
    add_output_folder(output, "folder for stats.png (default: a new folder runs/stats)")

    convert = parts.add_parser("convert", help=CONVERT, description=CONVERT, usage=usage)
    _add_data(convert.add_argument_group("data"))
    output = convert.add_argument_group("output")
    output.add_argument(
        "--to", choices=FORMATS, required=True, help="the format to write (required)"
    )
    _add_output(output)

    split = parts.add_parser("split", help=SPLIT, description=SPLIT, usage=usage)
    _add_data(split.add_argument_group("data"))
    parts_of_split = split.add_argument_group("parts")
    parts_of_split.add_argument(
        "--shares",
        type=_shares,
        default=(0.8, 0.2),
        metavar="A,B[,C]",
        help="shares of train and val, or of train, val and test (default: 0.8,0.2)",
    )
    parts_of_split.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the shuffling (default: 0)"
    )
    _add_output(split.add_argument_group("output"))
    for parser in (stats, convert, split):
        add_overrides(parser)


def require_tools(args: argparse.Namespace) -> None:
    """Raise UserError if the data do not exist, the folder to write into is a file, or a recipe
    field is given that has no effect.
    """
    require_data("--data", args.data)
    require_output_folder("-o", args.output, of_data=args.part != "stats")
    others = [name for name in pairs_to_dict(args.overrides) if name not in FIELDS]
    if others:
        raise UserError(
            f"dataset {args.part} knows the recipe fields {', '.join(FIELDS)}, not {others[0]}"
            + ("; name sets with --sets" if others[0].endswith("_sets") else "")
        )


def _add_data(group: Group) -> None:
    group.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="data set: a VOCdevkit, a folder of images with XML, COCO JSON, or YOLO txt with its "
        "data.yaml (required)",
    )
    group.add_argument(
        "--sets",
        nargs="+",
        metavar="NAME",
        help="sets to read, as in train,val (default: all; trainval and test of a VOCdevkit)",
    )


def _add_output(group: Group) -> None:
    add_output_folder(group, "new folder for the data set (required)", required=True)
    group.add_argument(
        "--images",
        choices=PLACINGS,
        default=PLACINGS[0],
        help="copy images, or link to them (default: copy)",
    )


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no list of numbers such as 0.8,0.2"
        ) from None
