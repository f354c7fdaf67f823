"""The options of `yolox-ela explain`, and what can be refused before torch is loaded."""

import argparse
from pathlib import Path

from yolox_ela.choices import (
    CAM_METHODS,
    WITHOUT_ATTENTION,
    WITHOUT_POSITIONS,
)
from yolox_ela.commands.network_options import (
    add_classes,
    add_machine,
    add_network,
    add_thresholds,
    require_network,
)
from yolox_ela.commands.option_checks import (
    require_experiment,
    require_output_folder,
    require_outputs,
    require_weights,
)
from yolox_ela.commands.options import add_json, add_output_folder, command_parser
from yolox_ela.commands.parser import Parser, several, whole
from yolox_ela.errors import UserError
from yolox_ela.export.formats import is_exported
from yolox_ela.sizes import SITES

CHANGED = (WITHOUT_POSITIONS, WITHOUT_ATTENTION)
NO_NETWORK = "none"
EXAMPLES = (
    "photo.jpg folder/",
    "-c runs/nano_ela_s/best.pth photo.jpg --beside runs/nano/best.pth",
    "photo.jpg --classes dog --place dark5,C3_n4 --method gradcam",
)


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`, the folder of runs/.

    Raises:
        UserError: an option is wrong, or names what there is not.
    """
    args = build_parser().parse_args()
    args.home = home
    require_network(args)
    require_weights(args.checkpoint)
    for option, weights in (("-c", args.checkpoint), *(("--beside", w) for w in args.beside or ())):
        if is_exported(weights):
            raise UserError(
                f"{option} {weights} is an exported file, which has no gradients: name the weights "
                "that it is from"
            )
    require_beside(args)
    if args.detection and "max" in args.given:
        raise UserError("--detection names the detections, so that --max has no meaning")
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
        "sources",
        nargs="+",
        metavar="PICTURE",
        help="pictures, folders of these, patterns such as 'photos/*.jpg', text files with a path "
        "a line, addresses (http, https) (required)",
    )
    add_network(parser)
    beside = parser.add_argument_group("networks beside it")
    beside.add_argument(
        "--beside",
        type=several(),
        metavar="WHAT",
        help=f"weights as for -c; {WITHOUT_POSITIONS}, the same network with a constant for each "
        f"channel in place of its attention; {WITHOUT_ATTENTION}, with one for all channels; "
        f"several with commas between; or {NO_NETWORK} (default: these two if it has attention)",
    )
    beside.add_argument(
        "--beside-experiment",
        type=Path,
        metavar="NAME",
        help="experiment of the weights beside, as for -f (default: as the weights say)",
    )
    _add_what(parser)
    add_machine(parser)
    output = parser.add_argument_group("output")
    add_output_folder(
        output,
        "folder for a page for each picture (default: runs/explain, or runs/explain-2 and so on)",
    )
    add_json(output)
    return parser


def _add_what(parser: Parser) -> None:
    what = parser.add_argument_group("what is explained")
    what.add_argument(
        "--detection",
        type=several(whole(1)),
        default=[],
        metavar="N",
        help="numbers of detections, best score first, of these classes, as in 1,3 (default: the "
        "best ones)",
    )
    what.add_argument(
        "--max",
        type=whole(1),
        default=3,
        metavar="N",
        help="the most detections of a picture (default: %(default)s)",
    )
    add_classes(what)
    add_thresholds(what)
    what.add_argument(
        "--place",
        type=several(),
        default=list(SITES),
        metavar="NAMES",
        help=f"sites ({', '.join(SITES)}) or modules, as in dark5,head.stems.0 (default: sites)",
    )
    what.add_argument(
        "--method",
        choices=CAM_METHODS,
        default=CAM_METHODS[0],
        help="how the maps are computed (default: %(default)s)",
    )
