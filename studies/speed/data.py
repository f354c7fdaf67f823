"""Training samples: the package's loader beside upstream's."""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader

from studies.speed.pictures import Pictures, add_picture_options, pictures
from studies.speed.table import format_timings, timings_as_json
from studies.speed.upstream_training import (
    LOADER_PATCH,
    upstream_batch,
    upstream_dataset,
    upstream_loader,
)
from yolox_ela.augment.bank import ImageFiles, Images, memory_bank
from yolox_ela.augment.loader import train_loader
from yolox_ela.commands.parser import image_size
from yolox_ela.recipe import Recipe
from yolox_ela.system.environment import describe_environment
from yolox_ela.tables.timing import interleave

UPSTREAM, UPSTREAM_RAM, FILES, RAM = "yolox", "yolox, RAM", "ours, files", "ours, RAM"
GPU = "ours, for a GPU"
INCLUDES = {
    UPSTREAM: "as installed: files to a batch of floats",
    UPSTREAM_RAM: "the same with its cache of decoded images",
    FILES: "files to a batch of bytes",
    RAM: "decoded images to a batch of bytes",
    GPU: "the same where a GPU shifts the colours",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for pictures, sizes, and the share of mosaics."""
    add_picture_options(parser)
    parser.add_argument("--batch", type=int, default=16, help="default: 16")
    parser.add_argument("--image-size", type=image_size, default=640, help="default: 640")
    parser.add_argument(
        "--mosaic-prob", type=float, default=1.0, help="default: 1, only mosaics; the recipe has .5"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="loader processes of the second table; 0: none"
    )
    parser.add_argument("--batches", type=int, default=6, help="in the second table; default: 6")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Time a batch in one thread, then loaders with several processes."""
    recipe = Recipe(
        image_size=args.image_size,
        batch_size=args.batch,
        mosaic_prob=args.mosaic_prob,
        train_sets=(args.set,),
        workers=0,
        epochs=10**6,
        final_fraction=0.0,
    )
    with pictures(args) as given:
        print(
            f"{given.text}, {args.image_size} px, batch {args.batch}, mosaic {args.mosaic_prob:g}, "
            f"OpenCV {cv2.__version__}"
        )
        results: dict[str, Any] = {"environment": describe_environment(torch.device("cpu"), 1)}
        threads = cv2.getNumThreads(), torch.get_num_threads()
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        try:
            timings = interleave(batch_tasks(given, recipe), rounds=args.rounds)
            print("one batch, one thread")
            print(format_timings(timings, INCLUDES, UPSTREAM))
            for name, timing in timings.items():
                print(f"  {name}: {1e3 * timing.median / args.batch:.2f} core-ms a sample")
            results["one thread"] = timings_as_json(timings, INCLUDES, UPSTREAM)
            if args.workers > 0:
                print(f"patched: {LOADER_PATCH}")
                tasks = loader_tasks(given, recipe, args.workers, args.batches)
                timings = interleave(tasks, rounds=args.rounds, warmup=1)
                print(f"{args.batches} batches through {args.workers} processes, with their start")
                print(format_timings(timings, INCLUDES, UPSTREAM))
                results["loader"] = timings_as_json(timings, INCLUDES, UPSTREAM)
        finally:
            cv2.setNumThreads(threads[0])
            torch.set_num_threads(threads[1])
    return results


def batch_tasks(given: Pictures, recipe: Recipe) -> dict[str, Callable[[], object]]:
    """Tasks that each prepare the next batch, of the same images in the same order."""

    def upstream(cache: bool) -> Callable[[], object]:
        dataset = upstream_dataset(given.root, recipe, cache=cache)
        indices = cycle(range(len(dataset)))
        return lambda: upstream_batch(dataset, list(islice(indices, recipe.batch_size)))

    def ours(images: Images, *, colors_later: bool = False) -> Callable[[], object]:
        batches: Iterator[object] = iter(
            train_loader(given.split, recipe, images, colors_later=colors_later)
        )
        return partial(next, batches)

    bank = memory_bank(given.split, recipe.image_size)

    return {
        UPSTREAM: upstream(False),
        UPSTREAM_RAM: upstream(True),
        FILES: ours(ImageFiles(given.split, recipe.image_size)),
        RAM: ours(bank),
        GPU: ours(bank, colors_later=True),
    }


def loader_tasks(
    given: Pictures, recipe: Recipe, workers: int, batches: int
) -> dict[str, Callable[[], object]]:
    """Tasks that each start a loader, take some batches, and end it."""
    recipe = Recipe(**{**vars(recipe), "workers": workers})

    def take(make: Callable[[], DataLoader]) -> None:
        for _ in islice(make(), batches):
            pass

    def upstream(cache: bool) -> Callable[[], object]:
        dataset = upstream_dataset(given.root, recipe, cache=cache)
        return partial(take, partial(upstream_loader, dataset, recipe.batch_size, workers))

    bank = memory_bank(given.split, recipe.image_size)
    files = ImageFiles(given.split, recipe.image_size)
    return {
        UPSTREAM: upstream(False),
        UPSTREAM_RAM: upstream(True),
        FILES: partial(take, partial(train_loader, given.split, recipe, files)),
        RAM: partial(take, partial(train_loader, given.split, recipe, bank)),
        GPU: partial(take, partial(train_loader, given.split, recipe, bank, colors_later=True)),
    }
