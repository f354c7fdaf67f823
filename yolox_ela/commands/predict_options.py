"""The options of `yolox-ela predict`, and what can be refused before torch is loaded."""

import argparse
from pathlib import Path

from yolox_ela.choices import DETECTOR, PREDICT_OUTPUTS, START_NAMES
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
from yolox_ela.commands.parser import Parser, image_size, share, whole
from yolox_ela.errors import UserError

EXAMPLES = (
    "photo.jpg folder/",
    "-c runs/nano_ela_s/best.pth 'holiday/**/*.jpg' -o pictures --conf 0.5",
    "--weights coco clip.mp4 --classes person,dog",
    "folder/ --save yolo",
    "0 --show",
)
NOTHING = "none"
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
    first = args.sources[0]
    if first in YOLOX_SOURCES and not Path(first).exists():
        camera = ", or the number of a camera, as in 0" if first == "webcam" else ""
        raise UserError(
            f"there is no picture '{first}': name pictures, folders or videos without it{camera}"
        )
    args.save = _kinds(args)
    require_output_folder("-o", args.output or home / "runs")
    require_outputs(args, "json")
    return args


def _kinds(args: argparse.Namespace) -> list[str]:
    """What is written, in the order of `PREDICT_OUTPUTS`; empty for nothing."""
    if NOTHING not in args.save:
        return [kind for kind in PREDICT_OUTPUTS if kind in args.save]
    if len(args.save) > 1:
        raise UserError(f"--save {' '.join(args.save)}: {NOTHING} goes with nothing else")
    if args.output is not None:
        raise UserError(f"--save {NOTHING} writes nothing into -o {args.output}: leave one out")
    if not args.show and args.json is None and args.quiet:
        raise UserError("--quiet --save none shows nothing of what is found: leave one out")
    return []


def build_parser(home: Path) -> Parser:
    """The command line of `predict`."""
    parser = command_parser(
        "Detect objects in pictures and videos: boxes with names and scores on copies of them, and "
        "as JSON, CSV, or labels.",
        "[options] SOURCE ...",
        EXAMPLES,
        fields=False,
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="pictures, videos, folders of these, patterns such as 'photos/*.jpg', text files with "
        "a path a line, addresses (http, https, rtsp), numbers of cameras (required)",
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
        metavar="SHARE",
        help="lowest score that is shown, 0 to 1 (default: 0.3, or an exported file's own)",
    )
    detections.add_argument(
        "--nms",
        type=share,
        metavar="SHARE",
        help="overlap (IoU) above which NMS removes the lower score, 0 to 1 (default: 0.45, or an "
        "exported file's own)",
    )
    detections.add_argument(
        "--classes",
        type=lambda text: text.split(","),
        metavar="NAMES",
        help="report these classes alone, as in cat,dog (default: all)",
    )
    detections.add_argument(
        "--max",
        type=whole(1),
        metavar="NUMBER",
        help="report the best detections of a picture, at most so many (default: all)",
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
        help="folder to write into (default: runs/predict, or runs/predict-2 and so on)",
    )
    output.add_argument(
        "--save",
        nargs="+",
        choices=(*PREDICT_OUTPUTS, NOTHING),
        default=["pictures", "json"],
        metavar="WHAT",
        help=f"what to write: {', '.join(PREDICT_OUTPUTS)} (coco: COCO results; yolo, voc: labels "
        f"to be corrected), or {NOTHING} (default: pictures json)",
    )
    output.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the detections as JSON here too; - for the screen (default: nowhere)",
    )
    output.add_argument(
        "--show",
        action="store_true",
        help="show results in a window; q or Esc ends (default: off)",
    )
    output.add_argument("--quiet", action="store_true", help="print errors only (default: off)")
    machine.add_argument(
        "--live",
        action="store_true",
        help="take the newest frame of each video, and drop those that come meanwhile, as is done "
        "with cameras and streams anyway (default: off)",
    )
    return parser
