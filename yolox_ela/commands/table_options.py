"""The options of `yolox-ela table`, and what can be refused before torch is loaded."""

import argparse
from pathlib import Path
from typing import Any

from yolox_ela.attention_text import FORM
from yolox_ela.choices import ECA_NETS_DETECTORS, HOSTS, MODES, SPEED_PRECISIONS, STYLES
from yolox_ela.commands.option_checks import (
    require_experiment,
    require_file,
    require_output_file,
    require_outputs,
)
from yolox_ela.commands.options import (
    EXPERIMENT_NAMES,
    IMAGE_SIZE_HELP,
    IMAGE_SIZE_NAMES,
    add_device,
    command_parser,
)
from yolox_ela.commands.parser import Parser, image_size, whole
from yolox_ela.errors import UserError
from yolox_ela.exp_file import own_experiments
from yolox_ela.sizes import SIZES

EXAMPLES = (
    "complexity",
    "complexity --size tiny s m l x --attention none ela_s ela_t --json table.json",
    "complexity --host resnet50 mobilenet_v2 --json table.json",
    "cost",
    "speed -f nano nano_ela_s --save speed.json",
    "summary",
    "results --style csv -o table.csv",
    "results --json table.json",
    "accuracies --style markdown",
    "results --into exps/README.md",
)
PARTS = {
    "complexity": "parameters and operations beside the paper's",
    "cost": "what a recorded point of AP costs with each module, and with the next size of YOLOX",
    "speed": "latency and images per second, all networks in turns",
    "results": "scores over seeds; what was trained and tested alike in one table",
    "summary": "all recorded scores in one table",
    "accuracies": "the paper's other networks: recorded scores, and what the paper prints",
}
NOT_MEASURED = ("source", "style", "output", "json", "into")  # what goes with --from


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`, the folder of exps/.

    Raises:
        UserError: an option is wrong, has no effect, or names what there is not.
    """
    parser = command_parser(
        "Print the project's tables, or write them into files.",
        "TABLE [options]",
        EXAMPLES,
        fields=False,
    )
    tables: Any = parser.add_subparsers(
        dest="table", required=True, metavar="TABLE", prog=parser.prog
    )
    parts = {
        name: tables.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            usage="%(prog)s [options]",
        )
        for name, text in PARTS.items()
    }
    for name in ("complexity", "cost", "speed"):
        add_experiments(parts[name], home)
    add_network_options(parts["complexity"])
    add_speed_options(parts["speed"])
    for name in ("results", "summary", "cost"):
        parts[name].add_argument(
            "--from",
            dest="source",
            type=Path,
            default=home / "exps" / "results.csv",
            metavar="FILE",
            help="recorded runs (default: exps/results.csv)",
        )
    parts["accuracies"].add_argument(
        "--from",
        dest="source",
        type=Path,
        default=home / "exps" / "hosts.csv",
        metavar="FILE",
        help="recorded runs (default: exps/hosts.csv, if it is there)",
    )
    for name, part in parts.items():
        add_outputs(part, name)
    args = parser.parse_args()
    args.home = home
    check(args)
    return args


def check(args: argparse.Namespace) -> None:
    """Raise UserError for options that contradict each other or name what there is not."""
    for path in getattr(args, "experiment", ()):
        require_experiment(path)
    useless = getattr(args, "host", ()) and args.given & {
        *("experiment", "size", "attention", "image_size")
    }
    if useless:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(useless))
        raise UserError(
            "--host counts the paper's networks with the paper's modules and image sizes, without "
            f"effect on them: {names}"
        )
    if "source" in args.given:
        require_file("--from", args.source)
    if args.table == "speed" and args.source:
        if useless := sorted(args.given - {*NOT_MEASURED}):
            names = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
            raise UserError(f"--from shows a saved measurement, without effect on it: {names}")
    elif args.table == "speed":
        for name in ("mode", "precision", "batch_size"):
            if len(set(getattr(args, name))) < len(getattr(args, name)):
                raise UserError(f"--{name.replace('_', '-')} must name each value once")
    if "style" in args.given and not args.output and (args.into or args.json):
        raise UserError(
            "--style is the look of a table on the screen or in -o FILE: --into is always "
            "Markdown, --json JSON; leave it out, or add -o FILE"
        )
    require_outputs(args, "output", "json", *(("save",) if args.table == "speed" else ()))
    for path in args.into:
        require_output_file("--into", path)


def add_network_options(parser: Parser) -> None:
    """Sizes and attention modules, which are combined."""
    network = parser.add_argument_group("networks")
    network.add_argument(
        "--size",
        nargs="+",
        choices=SIZES,
        default=[],
        help="sizes of YOLOX for each experiment, which without -f is nano (default: its own)",
    )
    network.add_argument(
        "--host",
        nargs="+",
        choices=(*HOSTS, *ECA_NETS_DETECTORS),
        default=[],
        metavar="NAME",
        help="the paper's other networks in place of YOLOX, every row of its Tables 2, 4, 5, 6 and "
        f"8: some of {', '.join(HOSTS)}; and ECA-Net's detectors: "
        f"{', '.join(ECA_NETS_DETECTORS)} (default: none)",
    )
    network.add_argument(
        "--attention",
        nargs="+",
        default=[],
        metavar="TEXT",
        help=f"attention modules for each size: {FORM} (default: the experiment's own)",
    )
    network.add_argument(
        *(name for name in IMAGE_SIZE_NAMES if name != "--size"),  # which is the network's here
        type=image_size,
        default=640,
        metavar="PIXELS",
        help=f"{IMAGE_SIZE_HELP} (default: 640, the paper's)",
    )


def add_outputs(parser: Parser, name: str) -> None:
    """Where a table goes; its name is also that of its block in Markdown files."""
    output = parser.add_argument_group("output")
    output.add_argument(
        "--style",
        type=style,
        choices=STYLES,
        default="text",
        help="look of the table on the screen or in -o (default: text)",
    )
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write the table into this file (default: the screen)",
    )
    output.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all values as JSON; - for the screen (default: nowhere)",
    )
    output.add_argument(
        "--into",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help=f"replace what is between <!-- {name} --> and <!-- /{name} --> in Markdown files"
        f"{', with --host hosts for the name' if name == 'complexity' else ''} (default: none)",
    )


def style(text: str) -> str:
    """Read a style; JSON is none."""
    if text == "json":
        raise argparse.ArgumentTypeError("JSON is written with --json FILE")
    return text


def add_experiments(parser: Parser, home: Path) -> None:
    """-f with any number of experiments."""
    parser.add_argument_group("network").add_argument(
        *EXPERIMENT_NAMES,
        type=Path,
        nargs="+",
        default=sorted((home / "exps").glob("*.py")) or list(own_experiments().values()),
        metavar="NAME",
        help="experiments: files, or names of the package's own (default: all in exps/)",
    )


def add_speed_options(parser: Parser) -> None:
    """What to measure, or a saved measurement to show."""
    group = parser.add_argument_group("run on")
    add_device(group)
    group.add_argument(
        "--mode",
        nargs="+",
        choices=MODES,
        default=list(MODES),
        metavar="NAME",
        help=f"how the network is run, some of {', '.join(MODES)} (default: all)",
    )
    group.add_argument(
        "--precision",
        nargs="+",
        choices=SPEED_PRECISIONS,
        default=["fp32"],
        metavar="NAME",
        help=f"number formats, some of {', '.join(SPEED_PRECISIONS)} (default: fp32)",
    )
    group.add_argument(
        "-b",
        "--batch-size",
        type=whole(1),
        nargs="+",
        default=[1, 16],
        metavar="N",
        help="images at a time, as in 1,16 (default: 1,16)",
    )
    group.add_argument(
        *IMAGE_SIZE_NAMES,
        type=image_size,
        default=640,
        metavar="PIXELS",
        help=f"{IMAGE_SIZE_HELP} (default: 640)",
    )
    group.add_argument(
        "--rounds",
        type=whole(1),
        default=20,
        metavar="N",
        help="number of times that each network is measured (default: 20)",
    )
    measurement = parser.add_argument_group("measurement")
    measurement.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="save the measurement, for --from (default: nowhere)",
    )
    measurement.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="show a measurement that --save has written (default: measure now)",
    )
