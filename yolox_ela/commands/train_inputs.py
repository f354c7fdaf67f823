"""What a training starts from: its data, its samples and its weights, as the options say."""

import argparse
import os
from pathlib import Path

from accelerate import Accelerator
from loguru import logger

from yolox_ela.augment.bank import ImageBank, choose_cache, open_images
from yolox_ela.augment.feed import DeviceFeed, Feed, HostFeed, draws_on_device
from yolox_ela.commands.options import (
    locate_data,
)
from yolox_ela.datasets.load import load_split, require_objects
from yolox_ela.datasets.sample import draw_sample
from yolox_ela.datasets.split import VocSplit, require_disjoint, share_values
from yolox_ela.experiment import Experiment
from yolox_ela.images.values import UNDECIDED
from yolox_ela.network.starts import DEFAULT, start_file
from yolox_ela.system.files import default_cache
from yolox_ela.tables.entry import require_scores
from yolox_ela.train.together import on_main, together


def locate_inputs(args: argparse.Namespace, exp: Experiment) -> tuple[Path, Path | None]:
    """The data's folder and the weights to start from, drawn or downloaded if need be."""
    if args.sample:
        data = draw_sample(args.home / "datasets" / "sample")
    else:
        data = locate_data(args, exp.train_sets + exp.test_sets, args.home)
    return data, starting_weights(args)


def load_splits(args: argparse.Namespace, exp: Experiment, data: Path) -> tuple[VocSplit, VocSplit]:
    """The images to train on and to evaluate on, fit for both."""
    train_split = load_split(data, exp.train_sets, exp.classes)
    require_objects(train_split, data, exp.train_sets)
    test_split = load_split(data, exp.test_sets, exp.classes)
    require_disjoint(train_split, test_split)
    if args.record:
        require_scores(test_split)
    return share_values(train_split, test_split)


def open_feed(
    args: argparse.Namespace, exp: Experiment, split: VocSplit, accelerator: Accelerator
) -> Feed:
    """Samples to train on, made as --augment and --cache say; a cache is filled now."""
    device, side, folder = accelerator.device, exp.image_size, default_cache() / "images"
    on_device = draws_on_device(args.augment, split, exp, device)
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    # To the device go all images, through memory or a file.
    wanted = "ram" if on_device and args.cache != "disk" else args.cache
    # All do as the first; later the memory is less.
    cache = on_main(accelerator, lambda: choose_cache(split, side, wanted, processes=processes))
    # One process of each machine writes a file on disk; the others find it.
    images = together(
        accelerator,
        lambda: open_images(split, side, cache, folder),
        first=accelerator.is_local_main_process,
    )
    if on_device and isinstance(images, ImageBank):
        return DeviceFeed(split, exp, device, images)
    return HostFeed(split, exp, device, images)


def starting_weights(args: argparse.Namespace) -> Path | None:
    """The file to start from; None for random weights."""
    if args.checkpoint == "none" or args.resume or (args.sample and not args.checkpoint):
        return None
    return start_file(args.checkpoint or DEFAULT)


def report_data(data: Path, train_split: VocSplit, test_split: VocSplit) -> None:
    """Say what is trained on, and warn of classes that cannot be learned."""
    absent = sorted(set(range(len(train_split.classes))) - set(train_split.labels.tolist()))
    if absent:
        names = ", ".join(train_split.classes[label] for label in absent)
        logger.warning("no objects to train on for: {}", names)
    logger.info(
        "data: {}: {} images to train on with {} objects, {} to evaluate on",
        data,
        len(train_split),
        len(train_split.labels),
        len(test_split),
    )
    if train_split.values != UNDECIDED:
        logger.info("values of all sets: {}", train_split.values)
