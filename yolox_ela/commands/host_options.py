"""What the commands ask of their options before they turn to another network than YOLOX."""

import argparse
from collections.abc import Collection
from pathlib import Path

from yolox_ela.errors import UserError
from yolox_ela.exp_file import trains_other_network
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.saved_settings import may_be_of_other_network
from yolox_ela.trained import is_of_other_network


def names_other_network(args: argparse.Namespace) -> bool:
    """Whether the experiment, or without one the weights, are of another network than YOLOX."""
    if args.experiment is not None:
        return trains_other_network(args.experiment)
    if not may_be_of_other_network(args.checkpoint):
        return False
    return is_of_other_network(read_checkpoint(Path(args.checkpoint)))


def own_weights(args: argparse.Namespace) -> Path:
    """The file of weights; UserError if -c names none, but one of YOLOX's starts."""
    if args.checkpoint is None or not Path(args.checkpoint).is_file():
        raise UserError(
            "another network than YOLOX needs weights of its own: name their file with -c, as in "
            "-c runs/NAME/best.pth"
        )
    return Path(args.checkpoint)


def refuse_options(
    args: argparse.Namespace, experiment: str, names: Collection[str], what: str = "YOLOX"
) -> None:
    """Raise UserError for options that mean nothing for a network, since they are for `what`."""
    for name in names:
        if name in args.given:
            raise UserError(
                f"--{name.replace('_', '-')} is for {what}, and {experiment} trains another "
                "network: leave it out"
            )
