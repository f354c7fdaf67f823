"""The options of `yolox-ela ui`, and what can be refused before torch is loaded."""

import argparse
import importlib.util
from pathlib import Path

from yolox_ela.choices import DETECTOR, SCORE_THRESHOLD, START_NAMES
from yolox_ela.commands.network_options import (
    add_attention,
    add_machine,
    add_weights,
    require_network,
)
from yolox_ela.commands.option_checks import require_weights
from yolox_ela.commands.options import add_experiment, command_parser
from yolox_ela.commands.parser import Parser, share, whole
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
    require_network(args)
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
    add_weights(
        network,
        nargs="+",
        default=[],
        help=f"trained weights to choose from, besides the package's own {DETECTOR}: files, or "
        f"{', '.join(START_NAMES)} (COCO's 80 classes) (default: none)",
    )
    add_attention(network)
    network.add_argument(
        "--conf",
        type=share,
        default=SCORE_THRESHOLD,
        metavar="SHARE",
        help="lowest score that is shown at first, 0 to 1 (default: %(default)s)",
    )
    add_machine(parser)
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
