"""What the command lines have in common: options, checks, and how results are written.

Nothing here imports torch before the options are accepted.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolox_ela.choices import DETECTOR, START_NAMES
from yolox_ela.commands.fields import ShowFields
from yolox_ela.commands.parser import Parser, any_image_size, device_name
from yolox_ela.datasets.around import require_outside_data
from yolox_ela.datasets.names import parse_set
from yolox_ela.errors import UserError
from yolox_ela.exp_file import find_experiment
from yolox_ela.export.formats import is_exported
from yolox_ela.recipe import Recipe
from yolox_ela.system.files import require_regular, require_writable, write_atomically
from yolox_ela.system.run_names import require_no_file_of_run

SCREEN = Path("-")
DATA_FILES = (".json", ".yaml", ".yml")
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


def data_name(args: argparse.Namespace) -> str:
    """What results call the data: --data-name, else VOC if datasets/ is used, else its folder."""
    if args.data_name:
        return args.data_name
    return "VOC" if args.data is None else args.data.resolve().name or "data"


def locate_data(args: argparse.Namespace, sets: tuple[str, ...], project: Path) -> Path:
    """The folder to read VOC from: --data as given, or datasets/, filled if need be.

    Raises:
        UserError: VOC can neither be found nor downloaded.
    """
    if args.data is not None:
        return args.data
    from yolox_ela.datasets.download import prepare_voc  # it imports OpenCV

    return prepare_voc(project / "datasets", [*map(parse_set, sets)], archives=args.archives)


def write_result(content: Any, path: Path) -> None:
    """Write JSON to a file, or to the screen if the path is `-`."""
    text = json.dumps(content, indent=2)
    if path == SCREEN:
        print(text)
    else:
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def recipe_default(field: str) -> str:
    """The default of an option that sets a recipe field, for its help."""
    return f"the experiment's, {getattr(Recipe, field)} in the paper's recipe"
