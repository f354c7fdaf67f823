"""The options of `yolox-ela export`, and what can be refused before torch is loaded."""

import argparse
from pathlib import Path

from yolox_ela.choices import DETECTOR, NMS_IOU, SCORE_THRESHOLD, START_NAMES
from yolox_ela.commands.network_options import add_network, add_size, require_network
from yolox_ela.commands.option_checks import (
    require_data,
    require_folder,
    require_output_file,
    require_weights,
)
from yolox_ela.commands.options import add_archives, add_overrides, command_parser
from yolox_ela.commands.parser import Parser, share, whole
from yolox_ela.commands.stated import check_overrides
from yolox_ela.errors import UserError
from yolox_ela.export.formats import (
    DEFAULT_OPSET,
    FORMATS,
    OPSETS,
    OUTPUTS,
    Format,
    format_of_file,
    is_exported,
)
from yolox_ela.overrides import pairs_to_dict

DEFAULT_FORMAT = "onnx"
CALIBRATION = 200  # images
# What can still be chosen of the recipe: which data the proof reads, and how they are scored.
FIELDS = (
    *("train_sets", "test_sets", "val_fraction", "xml_counts_from", "other_classes"),
    *("score_threshold", "nms_iou"),
)
EXAMPLES = (
    "-o detector.onnx",
    "-c runs/nano_ela_s/best.pth --format openvino --size 416",
    "-c runs/nano_ela_s/best.pth --outputs nms --conf 0.3 --dynamic-batch -o model.onnx",
    "-c runs/nano_ela_s/best.pth --int8 --data datasets -o model_int8.onnx",
)


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, with the format and file chosen, and `home`, the folder of runs/.

    Raises:
        UserError: an option is wrong, names what there is not, or the format cannot do it.
    """
    args = build_parser().parse_args()
    args.home = home
    require_network(args)
    check_overrides(args)
    require_weights(args.checkpoint)
    for field in pairs_to_dict(args.overrides):
        if field not in FIELDS:
            raise UserError(
                f"{field} is settled by the weights: recipe fields here are those of the data "
                f"({', '.join(FIELDS)})"
            )
    if is_exported(args.checkpoint):
        raise UserError(f"-c {args.checkpoint} is an exported file: name the weights it is from")
    require_data("--data", args.data)
    require_folder("--check-images", args.check_images)
    args.kind = _format(args)
    if args.output is None:
        stem = Path(args.checkpoint or DETECTOR)
        args.output = (stem.parent / stem.stem).with_suffix(args.kind.suffix)
        if args.checkpoint is None or str(args.checkpoint) in START_NAMES:
            args.output = Path(args.output.name)
    require_possible(args)
    args.kind.require(int8=args.int8)
    require_output_file("-o", args.output)
    return args


def _format(args: argparse.Namespace) -> Format:
    """The format that --format or the name of the file says."""
    of_name = None if args.output is None else format_of_file(args.output)
    if args.format is None:
        if args.output is not None and of_name is None:
            suffixes = ", ".join(each.suffix for each in FORMATS.values())
            raise UserError(f"-o {args.output} ends in none of {suffixes}: name the --format")
        return of_name or FORMATS[DEFAULT_FORMAT]
    kind = FORMATS[args.format]
    if args.output is not None and of_name is not kind:
        raise UserError(
            f"-o {args.output}: a file of {kind.title} must end in {kind.suffix}, by which it is "
            "recognised"
        )
    return kind


def require_possible(args: argparse.Namespace) -> None:
    """Raise UserError for what the format cannot do, or what belongs together and is not given."""
    kind = args.kind
    if args.outputs is None:
        args.outputs = "decoded" if "decoded" in kind.outputs else kind.outputs[0]
    if args.outputs not in kind.outputs:
        raise UserError(f"{kind.title} files have --outputs {' or '.join(kind.outputs)} only")
    if (args.dynamic_batch or args.dynamic_size) and not kind.free:
        raise UserError(f"{kind.title} files have a fixed batch and size: leave --dynamic out")
    if args.dynamic_batch and "batch" in args.given:
        raise UserError("--batch fixes what --dynamic-batch leaves open: give one of them")
    if args.int8 and kind.int8 is None:
        able = " and ".join(each.title for each in FORMATS.values() if each.int8 is not None)
        raise UserError(f"--int8 is possible for {able}, not for {kind.title}")
    if args.int8 and args.data is None:
        raise UserError(
            "--int8 needs --data: ranges are measured on its training images, and the accuracy on "
            "its test images"
        )
    if "opset" in args.given and "onnx" not in kind.packages:
        raise UserError(f"--opset is the version of ONNX's operators, which {kind.title} has not")
    if not args.check and (args.check_images or args.check_limit):
        raise UserError(
            "--check-images and --check-limit belong to the check: leave --no-check out"
        )
    if args.check_limit and args.data is None:
        raise UserError("--check-limit counts images of --data, which is not given")
    if args.calibration and not args.int8:
        raise UserError("--calibration counts images for --int8, which is not given")


def build_parser() -> Parser:
    """The command line of `export`."""
    parser = command_parser(
        "Write a trained network as a file for other programs, and prove that it computes the "
        "same.",
        "[options] [FIELD VALUE ...]",
        EXAMPLES,
    )
    add_network(parser, attention=False)
    add_file_options(parser)
    check = parser.add_argument_group("proof and data")
    proof = check.add_argument("--check", action=argparse.BooleanOptionalAction, default=True)
    # Not as an argument, to which some versions of Python would add the default once more.
    proof.help = (
        "run file and network on the same pictures, and refuse a file that differs; --no-check is "
        "for files that cannot run on this machine (default: --check)"
    )
    check.add_argument(
        "--check-images",
        type=Path,
        metavar="DIR",
        help="folder of pictures for the check (default: test images of --data, or rendered ones)",
    )
    check.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="data set whose test images give the AP of file and network, and whose training "
        "images calibrate --int8 (default: none)",
    )
    add_archives(check)
    check.add_argument(
        "--check-limit",
        type=whole(1),
        metavar="N",
        help="test images for the AP (default: all)",
    )
    check.add_argument(
        "--calibration",
        type=whole(1),
        metavar="N",
        help=f"training images for --int8 (default: {CALIBRATION})",
    )
    add_overrides(parser)
    return parser


def add_file_options(parser: Parser) -> None:
    """What is written."""
    file = parser.add_argument_group("file")
    file.add_argument(
        "--format",
        choices=list(FORMATS),
        help=f"format (default: as the name of -o ends, or {DEFAULT_FORMAT})",
    )
    file.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write (default: beside the weights, with their name)",
    )
    add_size(file)
    file.add_argument(
        "-b",
        "--batch",
        type=whole(1),
        default=1,
        metavar="N",
        help="images at a time (default: %(default)s)",
    )
    file.add_argument(
        "--dynamic-batch",
        action="store_true",
        help="leave the number of images open (default: off)",
    )
    file.add_argument(
        "--dynamic-size",
        action="store_true",
        help="leave height and width open, for any multiples of 32 (default: off)",
    )
    file.add_argument(
        "--outputs",
        choices=list(OUTPUTS),
        help="; ".join(f"{name}: {text}" for name, text in OUTPUTS.items()) + " (default: decoded)",
    )
    file.add_argument(
        "--conf",
        type=share,
        default=SCORE_THRESHOLD,
        metavar="SHARE",
        help="lowest score of a detection: inside the file for nms, otherwise in its metadata "
        "(default: %(default)s)",
    )
    file.add_argument(
        "--nms",
        type=share,
        default=NMS_IOU,
        metavar="SHARE",
        help="overlap (IoU) above which NMS removes the lower score, as --conf (default: "
        "%(default)s)",
    )
    file.add_argument(
        "--opset",
        type=int,
        choices=OPSETS,
        default=DEFAULT_OPSET,
        help="version of ONNX's operators (default: %(default)s, which most programs read)",
    )
    file.add_argument(
        "--int8",
        action="store_true",
        help="quantize the convolutions to 8 bits, for speed (default: off)",
    )
