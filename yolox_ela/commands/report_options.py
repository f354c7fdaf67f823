"""The options of `yolox-ela report`, and what can be refused before its libraries are loaded."""

import argparse
from pathlib import Path

from yolox_ela.commands.option_checks import require_folder, require_output_folder, require_outputs
from yolox_ela.commands.options import add_json, add_output_folder, command_parser
from yolox_ela.errors import UserError

EXAMPLES = (
    "runs/nano_ela_s",
    "runs/nano runs/nano_ela_s",
    "runs/nano runs/nano-2 runs/nano_ela_s runs/nano_ela_s-2 --side nano,nano,ela,ela",
)


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`.

    Raises:
        UserError: an option is wrong, or names what there is not.
    """
    parser = command_parser(
        "Report on a run, or on several side by side.", "RUN ... [options]", EXAMPLES, fields=False
    )
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="folders that train, or eval --report, has written (required)",
    )
    parser.add_argument_group("comparison").add_argument(
        "--side",
        nargs="+",
        metavar="NAME",
        help="what each run is a seed of, as in a,a,b,b (default: its experiment and settings)",
    )
    output = parser.add_argument_group("output")
    add_output_folder(
        output, "folder for the report (default: the run's, or runs/comparison for several)"
    )
    add_json(output)
    args = parser.parse_args()
    args.home = home
    if not args.runs:
        behind = ", before --side, or write --side a,b" if args.side else ""
        raise UserError(f"no run is named: give the folders of the runs{behind}")
    for run in args.runs:
        require_folder("report: the run", run)
    if len(args.runs) == 1 and args.side:
        raise UserError("--side names the sides of a comparison: give several runs")
    if args.side and len(args.side) != len(args.runs):
        raise UserError(f"--side needs a name for each of the {len(args.runs)} runs")
    require_output_folder("-o", args.output)
    require_outputs(args, "json")
    return args
