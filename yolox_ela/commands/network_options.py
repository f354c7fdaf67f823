"""The options of commands that run trained weights: predict, export, explain and ui.

Nothing here imports torch.
"""

import argparse
from typing import Any

from yolox_ela.choices import DETECTOR, NMS_IOU, SCORE_THRESHOLD, START_NAMES
from yolox_ela.commands.option_checks import require_experiment
from yolox_ela.commands.options import (
    CHECKPOINT_NAMES,
    IMAGE_SIZE_HELP,
    IMAGE_SIZE_NAMES,
    Group,
    add_device,
    add_experiment,
)
from yolox_ela.commands.parser import Parser, image_size, several, share
from yolox_ela.errors import UserError


def add_network(parser: Parser, *, attention: bool = True) -> Group:
    """-f, -c and, unless it is left out, --attention."""
    network = parser.add_argument_group("network and weights")
    add_experiment(network, required=False)
    add_weights(
        network,
        help=f"trained weights: a file, {', '.join(START_NAMES)} (COCO's 80 classes), or the "
        f"package's own {DETECTOR} (default: {DETECTOR})",
    )
    if attention:
        add_attention(network)
    return network


def add_weights(group: Group, **options: Any) -> None:
    """-c, with the names that users of YOLOX and of others know."""
    group.add_argument(*CHECKPOINT_NAMES, "--weights", metavar="WEIGHTS", **options)


def add_attention(group: Group) -> None:
    """--attention, for weights that do not say where theirs is from."""
    group.add_argument(
        "--attention",
        default="",
        metavar="FILE.py:NAME",
        help="the weights' attention, where it was trained from a file (default: as the weights "
        "say)",
    )


def require_network(args: argparse.Namespace) -> None:
    """Raise UserError if there is no such experiment, or one is named without weights."""
    require_experiment(args.experiment)
    if args.experiment is not None and not args.checkpoint:
        raise UserError(
            f"-f {args.experiment} says how a network is built, not which weights it has: give "
            "them with -c, or leave -f out for the package's own detector"
        )


def add_machine(parser: Parser) -> Group:
    """--device, and the size of the input."""
    machine = parser.add_argument_group("run on")
    add_device(machine)
    add_size(machine)
    return machine


def add_size(group: Group) -> None:
    """The size of the input, which the weights know."""
    group.add_argument(
        *IMAGE_SIZE_NAMES,
        dest="size",
        type=image_size,
        metavar="PIXELS",
        help=f"{IMAGE_SIZE_HELP} (default: as trained)",
    )


def add_classes(group: Group) -> None:
    """--classes, in one word, since what is looked at may stand behind it."""
    group.add_argument(
        "--classes",
        type=several(),
        metavar="NAMES",
        help="report these classes alone, as in cat,dog (default: all)",
    )


def add_thresholds(group: Group, *, files: bool = False) -> None:
    """--conf and --nms.

    Args:
        group: the group of options.
        files: whether the network can be an exported file. Both are None then unless given.
    """
    own = ", or an exported file's own" if files else ""
    for name, value, text in (
        ("--conf", SCORE_THRESHOLD, "lowest score of a detection"),
        ("--nms", NMS_IOU, "overlap (IoU) above which NMS removes the lower score"),
    ):
        group.add_argument(
            name,
            type=share,
            default=None if files else value,
            metavar="SHARE",
            help=f"{text}, 0 to 1 (default: {value}{own})",
        )
