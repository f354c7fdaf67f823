"""The options of `yolox-ela eval`, and what can be refused before torch is loaded."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolox_ela.choices import DEFAULT_START, PRECISION_NAMES, START_NAMES
from yolox_ela.commands.keywords import read_arguments
from yolox_ela.commands.option_checks import (
    require_data_options,
    require_experiment,
    require_file,
    require_output_folder,
    require_outputs,
    require_weights,
)
from yolox_ela.commands.options import (
    CHECKPOINT_NAMES,
    add_data_options,
    add_device,
    add_experiment,
    add_field_option,
    add_image_size,
    add_json,
    add_output_folder,
    add_overrides,
    add_record_options,
    command_parser,
    recipe_default,
)
from yolox_ela.commands.parser import Parser, share, whole
from yolox_ela.commands.stated import check_overrides, require_image_size
from yolox_ela.errors import UserError
from yolox_ela.exp_file import trains_other_network
from yolox_ela.export.formats import is_exported
from yolox_ela.overrides import pairs_to_dict
from yolox_ela.saved_settings import may_be_of_other_network
from yolox_ela.tables.record import require_record

EXAMPLES = (
    "-c runs/nano_ela_s/best.pth",
    "-c runs/nano_ela_s/best.pth --split val --json scores.json",
    "--zero-shot",
)


def parse(home: Path, keywords: Mapping[str, Any] | None = None) -> argparse.Namespace:
    """The options as typed, and `home`, the folder of runs/ and datasets/.

    Args:
        home: this folder.
        keywords: the options as keyword arguments; None reads the command line.

    Raises:
        UserError: an option or recipe field is wrong, or names what there is not.
    """
    args = read_arguments(build_parser(home), "eval", keywords)
    args.home = home
    require_experiment(args.experiment)
    typed = pairs_to_dict(args.overrides)
    if not is_of_other_recipe(args):
        require_image_size(args)
        check_overrides(args)
    for field in ("test_sets", "test_set"):
        if args.split and field in typed:
            raise UserError(f"--split and the recipe field {field} name the same: give one of them")
    require_data_options(args)
    if args.checkpoint is None and not args.zero_shot:
        raise UserError("name the weights to evaluate with -c, or use --zero-shot")
    require_weights(args.checkpoint)
    require_plain_run(args)
    require_file("--ids", args.ids)
    if args.data_name and not (args.record or args.report):
        raise UserError(
            "--data-name names the data in a record or report: add --record or --report, or leave "
            "it out"
        )
    require_output_folder("--report", args.report)
    require_output_folder("--save-comp4", args.save_comp4)
    require_outputs(args, "json", "save_detections")
    if args.record:
        if args.precision != "fp32" or args.rectangular:
            raise UserError(
                "--record keeps scores of fp32 and without --rectangular, which compare"
            )
        if not is_of_other_recipe(args):
            require_record(args.record)
    return args


def is_of_other_recipe(args: argparse.Namespace) -> bool:
    """Whether the fields and records may be those of another network's recipe, not of YOLOX's."""
    if args.experiment is not None:
        return trains_other_network(args.experiment)
    return may_be_of_other_network(args.checkpoint)


def require_plain_run(args: argparse.Namespace) -> None:
    """Raise UserError for options that change how torch runs a network, of an exported file."""
    if not is_exported(args.checkpoint):
        return
    for name in ("zero_shot", "precision", "compile", "plain", "record"):
        if name in args.given:
            raise UserError(
                f"--{name.replace('_', '-')} applies to weights, and {args.checkpoint} is an "
                "exported file: leave it out, or evaluate the weights that it is from"
            )


def build_parser(home: Path) -> Parser:
    """The command line of `eval`."""
    parser = command_parser(
        "Evaluate weights on a set of images.",
        "-c WEIGHTS [options] [FIELD VALUE ...]",
        EXAMPLES,
    )
    network = parser.add_argument_group("network and weights")
    add_experiment(network, required=False)
    network.add_argument(
        *CHECKPOINT_NAMES,
        type=Path,
        metavar="WEIGHTS",
        help=f"weights: a file, {', '.join(START_NAMES)}, or an exported file (default: "
        f"{DEFAULT_START} with --zero-shot, otherwise required)",
    )
    network.add_argument(
        "--zero-shot",
        action="store_true",
        help="evaluate COCO's weights, their 80 classes matched by name (default: off)",
    )
    data = parser.add_argument_group("data")
    add_data_options(data)
    data.add_argument(
        "--split",
        metavar="NAME",
        help="split of the test set's year, or year/split (default: the recipe's test_sets)",
    )
    data.add_argument(
        "--ids",
        type=Path,
        metavar="FILE",
        help="evaluate only the images whose ids this file lists (default: all)",
    )
    scores = parser.add_argument_group("what counts as a detection")
    for name, field, text in (
        ("--conf", "score_threshold", "lowest score that is kept"),
        ("--nms", "nms_iou", "overlap (IoU) above which NMS removes the lower score"),
    ):
        add_field_option(
            parser,
            scores,
            name,
            field=field,
            type=share,
            metavar="SHARE",
            help=f"{text}, 0 to 1 (default: {recipe_default(field)})",
        )
    add_inference_options(parser)
    output = parser.add_argument_group("output")
    add_json(output)
    output.add_argument(
        "--save-detections",
        type=Path,
        metavar="FILE",
        help="write the detections in COCO's results format (default: nowhere)",
    )
    output.add_argument(
        "--save-comp4",
        type=Path,
        metavar="DIR",
        help="folder for comp4_det_SET_CLASS.txt, the detections as the VOC challenge takes them "
        "(default: nowhere)",
    )
    add_output_folder(
        output,
        "folder for report.html and what it is made from (default: no report)",
        "--report",
        dest="report",
    )
    add_record_options(output, home)
    add_overrides(parser)
    return parser


def add_inference_options(parser: Parser) -> None:
    """How the network is run."""
    machine = parser.add_argument_group("run on")
    add_device(machine)
    add_field_option(
        parser,
        machine,
        "-b",
        "--batch-size",
        field="batch_size",
        type=whole(1),
        metavar="N",
        help=f"images at a time (default: {recipe_default('batch_size')})",
    )
    add_image_size(parser, machine, "as trained")
    machine.add_argument(
        "--precision",
        choices=PRECISION_NAMES,
        default="fp32",
        help="number format of backbone and neck (default: fp32)",
    )
    machine.add_argument(
        "--compile",
        action="store_true",
        help="compile the network first, which takes a minute (default: off)",
    )
    machine.add_argument(
        "--rectangular",
        action="store_true",
        help="batches of similar shapes with less padding, which changes scores a little "
        "(default: off)",
    )
    machine.add_argument(
        "--plain",
        action="store_true",
        help="leave BatchNorm as trained, not folded into the convolutions (default: off)",
    )
