"""What a training starts from: its data, its samples and its weights, as the options say."""

import argparse
from pathlib import Path

from accelerate import Accelerator
from loguru import logger

from yolox_ela.augment.bank import ImageBank, choose_cache, open_images
from yolox_ela.augment.feed import DeviceFeed, Feed, HostFeed, renders_on_device
from yolox_ela.choices import DEFAULT_START
from yolox_ela.commands.data_of_options import locate_data
from yolox_ela.commands.trial import chosen_images
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.datasets.split import VocSplit
from yolox_ela.datasets.train_and_test import require_disjoint, require_objects, share_values
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.images.values import UNDECIDED
from yolox_ela.network.starts import start_file
from yolox_ela.system.files import default_cache
from yolox_ela.system.processes import processes_here
from yolox_ela.tables.entry import require_scores
from yolox_ela.train.class_weights import class_weights
from yolox_ela.train.together import on_main, together


def training_data(args: argparse.Namespace, exp: Experiment) -> Path:
    """The place of the data, generated or downloaded if need be."""
    if args.sample:
        return generate_sample(args.home / "datasets" / "sample")
    if exp.val_fraction and args.data is None:
        raise UserError("val_fraction divides data of your own: name them with --data")
    return locate_data(args, exp.train_sets + exp.test_sets, args.home)


def load_splits(
    args: argparse.Namespace, exp: Experiment, reader: Reader
) -> tuple[VocSplit, VocSplit]:
    """Load the training and the test images; refuse sets that cannot be trained or scored on."""
    ignore_others = exp.other_classes == "ignore"
    train_split, test_split = (
        load_split(reader, sets, exp.classes, ignore_others=ignore_others)
        for sets in (exp.train_sets, exp.test_sets)
    )
    train_split = train_split.without_crowds()
    require_objects(train_split, reader, exp.train_sets)
    train_split, test_split = (chosen_images(exp, split) for split in (train_split, test_split))
    if not exp.overfit:  # which evaluates on what it trains on
        require_disjoint(train_split, test_split)
    class_weights(exp, train_split)  # refuses names that are no classes
    if args.record:
        require_scores(test_split)
    if exp.patience:
        require_scores(test_split, "patience")
    return share_values(train_split, test_split)


def open_feed(
    args: argparse.Namespace, exp: Experiment, split: VocSplit, accelerator: Accelerator
) -> Feed:
    """Open the source of training samples that --augment and --cache name; fill the cache."""
    device, size, folder = accelerator.device, exp.image_size, default_cache() / "images"
    on_device = renders_on_device(args.augment, split, exp, device)
    processes = processes_here()
    # The device gets all images, through memory or a file.
    wanted = "ram" if on_device and args.cache != "disk" else args.cache
    # All processes do as the first one decides: the memory shrinks as the others start.
    cache = on_main(accelerator, lambda: choose_cache(split, size, wanted, processes=processes))
    # One process of each machine writes a file on disk; the others find it.
    images = together(
        accelerator,
        lambda: open_images(split, size, cache, folder),
        first=accelerator.is_local_main_process,
    )
    if on_device and isinstance(images, ImageBank):
        return DeviceFeed(split, exp, device, images)
    return HostFeed(split, exp, device, images)


def starting_weights(args: argparse.Namespace, size: str) -> Path | None:
    """The file to start from, downloaded if need be; None for random weights."""
    if args.checkpoint == "none" or args.resume or (args.sample and not args.checkpoint):
        return None
    return start_file(args.checkpoint or DEFAULT_START, size=size)


def report_data(reader: Reader, train_split: VocSplit, test_split: VocSplit) -> None:
    """Log the number of images and objects; warn of classes without training objects."""
    absent = sorted(set(range(len(train_split.classes))) - set(train_split.labels.tolist()))
    if absent:
        names = ", ".join(train_split.classes[label] for label in absent)
        logger.warning("no objects to train on for: {}", names)
    logger.info(
        "data: {} ({}): {} images to train on with {} objects, {} to evaluate on",
        reader.root,
        reader.layout,
        len(train_split),
        len(train_split.labels),
        len(test_split),
    )
    if train_split.values != UNDECIDED:
        logger.info("values of all sets: {}", train_split.values)
