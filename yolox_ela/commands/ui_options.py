"""The options of `yolox-ela ui`, and what can be refused before torch is loaded."""

import argparse
import importlib.util
from pathlib import Path

from yolox_ela.choices import DETECTOR, START_NAMES
from yolox_ela.commands.options import (
    CHECKPOINT_NAMES,
    IMAGE_SIZE_HELP,
    IMAGE_SIZE_NAMES,
    add_device,
    add_experiment,
    command_parser,
    require_experiment,
    require_weights,
)
from yolox_ela.commands.parser import Parser, image_size, share, whole
from yolox_ela.errors import UserError

EXAMPLES = ("", "-c runs/nano/best.pth runs/nano_ela_s/best.pth", "--port 8000 --conf 0.5")
LOOPBACK = "127.0.0.1"


def parse(home: Path) -> argparse.Namespace:
    """The options as typed.

    Args:
        home: the folder of runs/, which this command does not use.

    Raises:
        UserError: an option is wrong, names what there is not, or gradio is not installed.
    """
    args = build_parser().parse_args()
    require_experiment(args.experiment)
    if args.experiment is not None and not args.checkpoint:
        raise UserError(
            f"-f {args.experiment} says how a network is built, not which weights it has: give "
            "them with -c, or leave -f out for the package's own detector"
        )
    for weights in args.checkpoint:
        require_weights(weights)
    require_gradio()
    return args


def require_gradio() -> None:
    """Raise UserError if gradio is not installed."""
    spec = importlib.util.find_spec("gradio")
    if spec is None or spec.origin is None:  # None: a mere folder of this name
        raise UserError("the package gradio is not installed; pip install 'yolox_ela[ui]'")


def build_parser() -> Parser:
    """The command line of `ui`."""
    parser = command_parser(
        "Open a page on this machine that shows what a network detects in a photograph from a file "
        "or the camera, and the gates of its attention. Ctrl-C ends it.",
        "[options]",
        EXAMPLES,
        fields=False,
    )
    network = parser.add_argument_group("network and weights")
    add_experiment(network, required=False)
    network.add_argument(
        *CHECKPOINT_NAMES,
        "--weights",
        nargs="+",
        default=[],
        metavar="WEIGHTS",
        help=f"trained weights to choose from, besides the package's own {DETECTOR}: files, or "
        f"{', '.join(START_NAMES)} (COCO's 80 classes) (default: none)",
    )
    network.add_argument(
        "--attention",
        default="",
        metavar="FILE.py:NAME",
        help="attention of all these weights, where they were trained from a file (default: as "
        "the weights say)",
    )
    network.add_argument(
        "--conf",
        type=share,
        default=0.3,
        metavar="SHARE",
        help="lowest score that is shown at first, 0 to 1 (default: %(default)s)",
    )
    machine = parser.add_argument_group("run on")
    add_device(machine)
    machine.add_argument(
        *IMAGE_SIZE_NAMES,
        dest="size",
        type=image_size,
        metavar="PIXELS",
        help=f"{IMAGE_SIZE_HELP} (default: as trained)",
    )
    address = parser.add_argument_group("address")
    address.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="address of this machine that answers; with others than the default, other machines "
        "can use the page, which has no password (default: %(default)s)",
    )
    address.add_argument(
        "--port",
        type=whole(0, 65535),
        default=7860,
        metavar="NUMBER",
        help="port, or 0 for any free one (default: %(default)s)",
    )
    return parser
