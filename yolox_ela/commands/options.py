"""The options that several command lines have in common; nothing here imports torch."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolox_ela.commands.fields import ShowFields
from yolox_ela.commands.parser import Parser, any_image_size, device_name
from yolox_ela.recipe import Recipe

DOCS = "docs/usage.md explains the commands, docs/recipe.md the recipe."
IMAGE_SIZE_HELP = "size of the network input: a multiple of 32, or two of them, HEIGHT,WIDTH"
IMAGE_SIZE_NAMES = ("--image-size", "--imgsz", "--tsize", "--size")
CHECKPOINT_NAMES = ("-c", "--checkpoint", "--ckpt")
EXPERIMENT_NAMES = ("-f", "-n", "--experiment")

Group = argparse._ArgumentGroup


def tool_parser(description: str, *, experiment: bool = True) -> Parser:
    """A parser without options, or with those of a single experiment."""
    parser = Parser(description=description)
    if experiment:
        add_experiment(parser.add_argument_group("network and weights"))
        add_device(parser.add_argument_group("run on"))
    return parser


def command_parser(
    description: str, usage: str, examples: Sequence[str], *, fields: bool = True
) -> Parser:
    """The parser of a command, whose help ends in examples and a word on the recipe."""
    lines = ["examples:", *(f"  %(prog)s {example}" for example in examples), ""]
    if fields:
        lines.append("--fields lists the recipe fields, with defaults and meaning.")
    usage = f"%(prog)s {usage}"
    return Parser(description=description, usage=usage, epilog="\n".join([*lines, DOCS]))


def add_experiment(
    group: Group, *, required: bool = True, default: str = "as the weights say"
) -> None:
    """-f, with the name that YOLOX's users know; `default` says what is meant without it."""
    group.add_argument(
        *EXPERIMENT_NAMES,
        type=Path,
        required=required,
        metavar="NAME",
        help="experiment: a file, or the name of one of the package's own, as in nano_ela_s"
        + (" (required)" if required else f" (default: {default})"),
    )


def add_device(group: Group) -> None:
    """--device."""
    group.add_argument(
        "--device",
        type=device_name,
        default="auto",
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N or mps (default: auto, the first GPU if there is one)",
    )


def add_image_size(parser: Parser, group: Group, default: str) -> None:
    """--image-size, which sets the recipe field."""
    add_field_option(
        parser,
        group,
        *IMAGE_SIZE_NAMES,
        field="image_size",
        type=any_image_size,
        metavar="PIXELS",
        help=f"{IMAGE_SIZE_HELP} (default: {default})",
    )


def add_field_option(parser: Parser, group: Group, *names: str, field: str, **options: Any) -> None:
    """An option that is another spelling of a recipe field."""
    action = group.add_argument(*names, **options)
    parser.field_options[action.dest] = field


def add_data_options(group: Group) -> None:
    """--data and --archives."""
    group.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="data set: a VOCdevkit, a folder of images with XML, COCO JSON, or YOLO txt with its "
        "data.yaml (default: VOC in datasets/, downloaded if need be)",
    )
    add_archives(group)


def add_archives(group: Group) -> None:
    """--archives."""
    group.add_argument(
        "--archives",
        type=Path,
        metavar="DIR",
        help="folder with VOC's tar files, to fill datasets/ from (default: download them)",
    )


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Pairs of recipe field and value, and --fields, which lists them."""
    group = parser.add_argument_group("recipe")
    group.add_argument(
        "overrides",
        nargs="*",
        metavar="FIELD VALUE",
        help="any recipe field and its value, as in: lr 0.01 or lr=0.01 (default: the "
        "values of the experiment, or of the recipe)",
    )
    group.add_argument(
        "--fields", action=ShowFields, help="list the recipe fields with defaults and meaning"
    )


def add_output_folder(group: Group, help: str, *names: str, **options: Any) -> None:
    """-o, a folder to write into; `names` are other spellings."""
    group.add_argument("-o", "--output", *names, type=Path, metavar="DIR", help=help, **options)


def add_json(group: Group) -> None:
    """--json."""
    text = "write the results as JSON; - for the screen (default: nowhere)"
    group.add_argument("--json", type=Path, metavar="FILE", help=text)


def add_record_options(group: Group, project: Path) -> None:
    """--record and --data-name."""
    group.add_argument(
        "--record",
        nargs="?",
        type=_record_file,
        const=project / "exps" / "results.csv",
        metavar="FILE",
        help="add the scores as a row to this .csv file (without FILE: exps/results.csv; default: "
        "nowhere)",
    )
    group.add_argument(
        "--data-name",
        metavar="NAME",
        help="name of the data in the record (default: VOC, or the name of the --data folder)",
    )


def _record_file(text: str) -> Path:
    if not text.endswith(".csv"):
        raise argparse.ArgumentTypeError(
            f"'{text}' does not end in .csv; give a .csv file, or nothing for exps/results.csv"
        )
    return Path(text)


def recipe_default(field: str) -> str:
    """The default of an option that sets a recipe field, for its help."""
    return f"the experiment's, {getattr(Recipe, field)} in the paper's recipe"
