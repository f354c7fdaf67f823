"""`yolox-ela dataset`: check, count, convert, divide, download or generate data sets."""

import argparse

from loguru import logger

from yolox_ela.commands.data_of_options import locate_data
from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.commands.dataset_tools import convert, split, stats
from yolox_ela.commands.json_results import SCREEN, write_result
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe


def main(args: argparse.Namespace) -> int:
    """Run the command; see `dataset_options.parse`."""
    parts = {"check": check, "download": download, "sample": sample}
    parts |= {"stats": stats, "convert": convert, "split": split}
    return parts[args.part](args)


def check(args: argparse.Namespace) -> int:
    """Report every problem; exit code 1 if training on the data would be wrong."""
    recipe = args.recipe
    sets = tuple(args.sets or recipe.train_sets + recipe.test_sets)
    reader = open_as(recipe, locate_data(args, sets, args.home))
    recipe = fitted_to_data(recipe, reader, training=False)
    if not args.sets and not recipe.names("train_sets") and not _has(reader, recipe):
        logger.warning(
            "there is no set to train on; checked is {}: val_fraction 0.2 sets a part of it aside",
            " + ".join(recipe.test_sets),
        )
        recipe = override(recipe, {"train_sets": recipe.test_sets})
    sets = tuple(args.sets or dict.fromkeys(recipe.train_sets + recipe.test_sets))
    train_sets = [e for e in sets if e in recipe.train_sets or e not in recipe.test_sets]
    report = check_dataset(
        reader,
        sets,
        recipe.classes,
        train_sets=train_sets,
        ignore_others=recipe.other_classes == "ignore",
    )
    if args.json != SCREEN:
        print(report.to_text())
    if args.json:
        write_result(report.to_dict(), args.json)
    return 1 if report.errors else 0


def _has(reader: Reader, recipe: Recipe) -> bool:
    """Whether the data have a set that the recipe trains on."""
    return bool(set(recipe.train_sets) & set(reader.sets()))


def download(args: argparse.Namespace) -> int:
    """Fill datasets/."""
    print(locate_data(args, args.recipe.train_sets + args.recipe.test_sets, args.home))
    return 0


def sample(args: argparse.Namespace) -> int:
    """Generate the sample that `train --sample` trains on."""
    print(generate_sample(args.output))
    return 0
