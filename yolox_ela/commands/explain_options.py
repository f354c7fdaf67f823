"""The options of `yolox-ela explain`, and what can be refused before torch is loaded."""

import argparse
from pathlib import Path

from yolox_ela.choices import (
    CAM_METHODS,
    DETECTOR,
    START_NAMES,
    WITHOUT_ATTENTION,
    WITHOUT_POSITIONS,
)
from yolox_ela.commands.options import (
    CHECKPOINT_NAMES,
    IMAGE_SIZE_HELP,
    IMAGE_SIZE_NAMES,
    JSON_HELP,
    add_device,
    add_experiment,
    command_parser,
    require_experiment,
    require_output_folder,
    require_outputs,
    require_weights,
)
from yolox_ela.commands.parser import Parser, image_size, share, whole
from yolox_ela.errors import UserError
from yolox_ela.sizes import SITES

CHANGED = (WITHOUT_POSITIONS, WITHOUT_ATTENTION)
NO_NETWORK = "none"
EXAMPLES = (
    "photo.jpg",
    "-c runs/nano_ela_s/best.pth photo.jpg --beside runs/nano/best.pth",
    "photo.jpg --classes dog --place dark5 C3_n4 --method gradcam",
)


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`, the folder of runs/.

    Raises:
        UserError: an option is wrong, or names what there is not.
    """
    args = build_parser().parse_args()
    args.home = home
    require_experiment(args.experiment)
    if args.experiment is not None and args.checkpoint is None:
        raise UserError(
            f"-f {args.experiment} says how a network is built, not which weights it has: give "
            "them with -c, or leave -f out for the package's own detector"
        )
    require_weights(args.checkpoint)
    require_beside(args)
    if args.detection and "max" in args.given:
        raise UserError("--detection names the detections, so that --max has no meaning")
    for path in args.paths:
        if path.is_dir():
            raise UserError(f"{path} is a folder: name pictures, as in {path}/*.jpg")
    require_output_folder("-o", args.output or home / "runs")
    require_outputs(args, "json")
    return args


def require_beside(args: argparse.Namespace) -> None:
    """Raise UserError if --beside names no network, or --beside-experiment belongs to none."""
    named = args.beside or []
    if NO_NETWORK in named and len(named) > 1:
        raise UserError(f"--beside {NO_NETWORK} means no other network: give it alone")
    weights = [name for name in named if name not in (NO_NETWORK, *CHANGED)]
    for name in weights:
        require_weights(name, *CHANGED, NO_NETWORK, option="--beside")
    require_experiment(args.beside_experiment)
    if args.beside_experiment is not None and not weights:
        raise UserError("--beside-experiment belongs to weights: give them with --beside")


def build_parser() -> Parser:
    """The command line of `explain`."""
    parser = command_parser(
        "Explain detections: where in a picture their scores come from, and the attention's gates.",
        "[options] PICTURE ...",
        EXAMPLES,
        fields=False,
    )
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PICTURE", help="pictures (required)"
    )
    network = parser.add_argument_group("network and weights")
    add_experiment(network, required=False)
    network.add_argument(
        *CHECKPOINT_NAMES,
        "--weights",
        metavar="WEIGHTS",
        help=f"trained weights: a file, {', '.join(START_NAMES)} (COCO's 80 classes), or the "
        f"package's own {DETECTOR} (default: {DETECTOR})",
    )
    network.add_argument(
        "--attention",
        default="",
        metavar="FILE.py:NAME",
        help="the weights' attention, where it was trained from a file (default: as the weights "
        "say)",
    )
    beside = parser.add_argument_group("networks beside it")
    beside.add_argument(
        "--beside",
        nargs="+",
        metavar="WHAT",
        help=f"weights as for -c; {WITHOUT_POSITIONS}, the same network with a constant for each "
        f"channel in place of its attention; {WITHOUT_ATTENTION}, with one for all channels; or "
        f"{NO_NETWORK} (default: these two if it has attention)",
    )
    beside.add_argument(
        "--beside-experiment",
        type=Path,
        metavar="NAME",
        help="experiment of the weights beside, as for -f (default: as the weights say)",
    )
    _add_what(parser)
    machine = parser.add_argument_group("run on")
    add_device(machine)
    machine.add_argument(
        *IMAGE_SIZE_NAMES,
        dest="size",
        type=image_size,
        metavar="PIXELS",
        help=f"{IMAGE_SIZE_HELP} (default: as trained)",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for a page for each picture (default: runs/explain, or runs/explain-2 and so "
        "on)",
    )
    output.add_argument("--json", type=Path, metavar="FILE", help=JSON_HELP)
    return parser


def _add_what(parser: Parser) -> None:
    what = parser.add_argument_group("what is explained")
    what.add_argument(
        "--detection",
        type=whole(1),
        nargs="+",
        default=[],
        metavar="N",
        help="numbers of detections, best score first, of these classes (default: the best ones)",
    )
    what.add_argument(
        "--max",
        type=whole(1),
        default=3,
        metavar="N",
        help="the most detections of a picture (default: %(default)s)",
    )
    what.add_argument(
        "--classes", nargs="+", default=[], metavar="NAME", help="classes (default: all)"
    )
    what.add_argument(
        "--conf",
        type=share,
        default=0.3,
        metavar="SHARE",
        help="lowest score of a detection, 0 to 1 (default: %(default)s)",
    )
    what.add_argument(
        "--nms",
        type=share,
        default=0.45,
        metavar="SHARE",
        help="overlap (IoU) above which NMS removes the lower score, 0 to 1 (default: %(default)s)",
    )
    what.add_argument(
        "--place",
        nargs="+",
        default=list(SITES),
        metavar="NAME",
        help=f"sites ({', '.join(SITES)}) or modules, as in head.stems.0 (default: the sites)",
    )
    what.add_argument(
        "--method",
        choices=CAM_METHODS,
        default=CAM_METHODS[0],
        help="how the maps are computed (default: %(default)s)",
    )
