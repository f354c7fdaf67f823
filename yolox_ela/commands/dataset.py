"""Check, count, convert, divide, download or generate data sets.

python tools/dataset.py check --data ~/VOCdevkit
python tools/dataset.py stats --data pets/data.yaml
python tools/dataset.py convert --data pets --to coco -o pets_coco
python tools/dataset.py split --data pets --shares 0.8,0.2 -o pets_divided
python tools/dataset.py download --archives ~/Downloads
python tools/dataset.py sample --output /somewhere/sample
"""

import argparse
import json
from dataclasses import fields
from itertools import takewhile
from pathlib import Path

from yolox_ela.commands.dataset_tools import convert, split, stats
from yolox_ela.commands.dataset_tools_options import add_tools
from yolox_ela.commands.options import (
    add_data_options,
    add_overrides,
    locate_data,
    tool_parser,
    write_result,
)
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.sample import draw_sample
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe


def main(home: Path) -> int:
    """Run the command; `home` holds runs/ and datasets/."""
    args = parse_arguments(home)
    return args.run(args)


def check(args: argparse.Namespace) -> int:
    """Report every problem; exit code 1 if training on the data would be wrong."""
    # Recipe fields after --sets are no sets; argparse cannot tell.
    names = {field.name for field in fields(Recipe)}
    entries = list(takewhile(lambda word: word not in names, args.sets or ()))
    words = args.overrides + (args.sets or [])[len(entries) :]
    recipe = override(Recipe(), pairs_to_dict(words))
    recipe.validate()
    sets = tuple(entries or recipe.train_sets + recipe.test_sets)
    train_sets = [e for e in sets if e in recipe.train_sets or e not in recipe.test_sets]
    data = locate_data(args, sets, args.home)
    report = check_dataset(data, sets, recipe.classes, train_sets=train_sets)
    if args.json == Path("-"):
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(report.to_text())
        if args.json:
            write_result(report.to_dict(), args.json)
    return 1 if report.errors else 0


def download(args: argparse.Namespace) -> int:
    """Fill datasets/."""
    args.data = None
    recipe = override(Recipe(), pairs_to_dict(args.overrides))
    print(locate_data(args, recipe.train_sets + recipe.test_sets, args.home))
    return 0


def sample(args: argparse.Namespace) -> int:
    """Draw the sample that `train.py --sample` trains on."""
    print(draw_sample(args.output))
    return 0


def parse_arguments(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`."""
    parser = tool_parser(__doc__.splitlines()[0], experiment=False)
    commands = parser.add_subparsers(required=True)

    one = commands.add_parser("check", help=check.__doc__)
    one.add_argument("--sets", nargs="+", metavar="year/split", help="default: those of the recipe")
    one.add_argument("--json", type=Path, metavar="FILE", help="write JSON here; - for the screen")
    add_data_options(one)
    add_overrides(one)
    one.set_defaults(run=check)

    two = commands.add_parser("download", help=download.__doc__)
    two.add_argument("--archives", type=Path, help="folder with VOC's tar files one has")
    add_overrides(two)
    two.set_defaults(run=download)

    three = commands.add_parser("sample", help=sample.__doc__)
    three.add_argument("--output", type=Path, default=home / "datasets" / "sample")
    three.set_defaults(run=sample)

    add_tools(commands, {"stats": stats, "convert": convert, "split": split})
    parser.set_defaults(home=home)
    return parser.parse_args()
