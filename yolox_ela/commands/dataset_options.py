"""The options of `yolox-ela dataset`, and what can be refused before OpenCV is loaded."""

import argparse
from pathlib import Path

from yolox_ela.commands.dataset_tools_options import add_tools, require_tools
from yolox_ela.commands.option_checks import (
    require_data_options,
    require_folder,
    require_output_folder,
    require_outputs,
)
from yolox_ela.commands.options import (
    add_archives,
    add_data_options,
    add_json,
    add_output_folder,
    add_overrides,
    command_parser,
)
from yolox_ela.datasets.names import parse_set
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe

EXAMPLES = (
    "check --data ~/VOCdevkit",
    "check --data pets --sets 2007/train,2007/val classes cat,dog",
    "stats --data pets",
    "convert --data pets --to coco -o pets_coco",
    "split --data pets --shares 0.8,0.2 -o pets_divided",
    "download --archives ~/Downloads",
    "sample -o sample",
)
WITH_FIELDS = "%(prog)s [options] [FIELD VALUE ...]"
CHECK = "report every problem of a data set; exit code 1 if training on it would be wrong"
DOWNLOAD = "fill datasets/ with VOC"
SAMPLE = "generate the sample that `train --sample` trains on"


def parse(home: Path) -> argparse.Namespace:
    """The options as typed, `home`, the folder of datasets/, and the checked `recipe`.

    Raises:
        UserError: an option or recipe field is wrong, or names what there is not.
    """
    parser = command_parser(
        "Check, count, convert, divide, download or generate data sets.",
        "COMMAND [options]",
        EXAMPLES,
        fields=False,
    )
    parts = parser.add_subparsers(dest="part", required=True, metavar="COMMAND", prog=parser.prog)

    check = parts.add_parser("check", help=CHECK, description=CHECK, usage=WITH_FIELDS)
    data = check.add_argument_group("data")
    data.add_argument(
        "--sets",
        nargs="+",
        metavar="NAME",
        help="sets to check, as in 2007/train,2007/val or train,val (default: those that are "
        "trained and evaluated on)",
    )
    add_data_options(data)
    output = check.add_argument_group("output")
    add_json(output)
    add_overrides(check)

    add_tools(parts, WITH_FIELDS)

    download = parts.add_parser("download", help=DOWNLOAD, description=DOWNLOAD, usage=WITH_FIELDS)
    add_archives(download.add_argument_group("data"))
    add_overrides(download)

    sample = parts.add_parser("sample", help=SAMPLE, description=SAMPLE)
    add_output_folder(
        sample.add_argument_group("output"),
        "folder for the data set (default: datasets/sample)",
        default=home / "datasets" / "sample",
    )
    args = parser.parse_args()
    args.home = home
    if args.part == "sample":
        require_output_folder("-o", args.output, of_data=True)
        return args
    args.recipe = override(Recipe(), pairs_to_dict(args.overrides))
    args.recipe.validate()
    if args.part == "download":
        args.data = None
        require_folder("--archives", args.archives)
        return args
    if args.part != "check":
        require_tools(args)
        return args
    for entry in (args.sets or ()) if args.data is None else ():  # VOC, in datasets/
        parse_set(entry)
    require_data_options(args)
    require_outputs(args, "json")
    return args
