"""The options of `yolox-ela predict`, and what can be refused before torch is loaded."""

import argparse
from pathlib import Path

from yolox_ela.choices import PREDICT_OUTPUTS
from yolox_ela.commands.network_options import (
    add_classes,
    add_machine,
    add_network,
    add_thresholds,
    require_network,
)
from yolox_ela.commands.option_checks import require_output_folder, require_outputs, require_weights
from yolox_ela.commands.options import add_output_folder, command_parser
from yolox_ela.commands.parser import Parser, whole
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
    require_network(args)
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
    add_network(parser)
    detections = parser.add_argument_group("what counts as a detection")
    add_thresholds(detections, files=True)
    add_classes(detections)
    detections.add_argument(
        "--max",
        type=whole(1),
        metavar="NUMBER",
        help="report the best detections of a picture, at most so many (default: all)",
    )
    machine = add_machine(parser)
    output = parser.add_argument_group("output")
    add_output_folder(
        output, "folder to write into (default: runs/predict, or runs/predict-2 and so on)"
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
