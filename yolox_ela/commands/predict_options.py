"""The options of `yolox-ela predict`, and what can be refused before torch is loaded."""

import argparse
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
    require_output_folder,
    require_outputs,
    require_weights,
)
from yolox_ela.commands.parser import Parser, image_size, share
from yolox_ela.errors import UserError

EXAMPLES = (
    "photo.jpg folder/",
    "-c runs/nano_ela_s/best.pth folder/ -o pictures --conf 0.5",
    "--weights coco photo.jpg",
)
YOLOX_SOURCES = ("image", "video", "webcam")  # the first word of YOLOX's demo


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`, the folder of runs/ and datasets/.

    Raises:
        UserError: an option is wrong, or names what there is not.
    """
    args = build_parser(home).parse_args()
    args.home = home
    require_experiment(args.experiment)
    if args.experiment is not None and args.checkpoint is None:
        raise UserError(
            f"-f {args.experiment} says how a network is built, not which weights it has: give "
            "them with -c, or leave -f out for the package's own detector"
        )
    require_weights(args.checkpoint)
    first = args.paths[0]
    if str(first) in YOLOX_SOURCES and not first.exists():
        raise UserError(f"there is no picture '{first}': name pictures or folders without it")
    require_output_folder("-o", args.output)
    require_outputs(args, "json")
    return args


def build_parser(home: Path) -> Parser:
    """The command line of `predict`."""
    parser = command_parser(
        "Detect objects in pictures: boxes with names and scores on copies of them, and as JSON.",
        "[options] PICTURE ...",
        EXAMPLES,
        fields=False,
    )
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PICTURE",
        help="pictures, or folders of pictures (required)",
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
    detections = parser.add_argument_group("what counts as a detection")
    detections.add_argument(
        "--conf",
        type=share,
        default=0.3,
        metavar="SHARE",
        help="lowest score that is shown, 0 to 1 (default: %(default)s)",
    )
    detections.add_argument(
        "--nms",
        type=share,
        default=0.45,
        metavar="SHARE",
        help="overlap (IoU) above which NMS removes the lower score, 0 to 1 (default: %(default)s)",
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
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the pictures and detections.json (default: runs/predict, or "
        "runs/predict-2 and so on)",
    )
    output.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the detections as JSON here too; - for the screen (default: nowhere)",
    )
    return parser
