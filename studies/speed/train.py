"""Training from files to weights: the package's loop beside upstream's."""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import torch
from accelerate import Accelerator

from studies.speed.our_training import OurTraining
from studies.speed.pictures import Pictures, add_picture_options, pictures
from studies.speed.table import format_timings, timings_as_json
from studies.speed.upstream_training import (
    CPU_PATCH,
    LOADER_PATCH,
    UpstreamStep,
    upstream_dataset,
    upstream_loader,
)
from yolox_ela.choices import AUGMENTS
from yolox_ela.commands.parser import image_size, whole
from yolox_ela.network.model import build_yolox
from yolox_ela.recipe import Recipe
from yolox_ela.system.device import synchronise
from yolox_ela.system.environment import describe_environment
from yolox_ela.tables.timing import interleave
from yolox_ela.train.accelerator import build_accelerator

UPSTREAM, OURS = "yolox", "ours"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for pictures, sizes, and this package's loop."""
    add_picture_options(parser)
    parser.add_argument("--batch", type=int, default=16, help="default: 16")
    parser.add_argument("--image-size", type=image_size, default=640, help="default: 640")
    parser.add_argument(
        "--steps", type=whole(1), default=10, help="of training a round; default: 10"
    )
    parser.add_argument("--workers", type=int, default=-1, help="loader processes; see the recipe")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", choices=("fp32", "fp16", "bf16"), default="fp32")
    parser.add_argument("--augment", choices=AUGMENTS, default="auto", help="as of train.py")
    parser.add_argument("--compile", action="store_true", help="as of train.py")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Time some training steps with the recipe's mosaic, including the start of loaders."""
    recipe = Recipe(**settings(args))
    accelerator = build_accelerator(args.device, args.precision)
    device = accelerator.device
    for patch in (LOADER_PATCH,) if device.type == "cuda" else (LOADER_PATCH, CPU_PATCH):
        print(f"patched: {patch}")
    includes = {
        UPSTREAM: "as installed, with its cache of decoded images",
        OURS: f"{args.precision}, decoded images in memory"
        + (", compiled" if args.compile else ""),
    }
    with pictures(args) as given:
        print(
            f"{given.text}, {args.image_size} px, batch {args.batch}, {args.steps} steps, one "
            f"input size, on {device}"
        )
        tasks: dict[str, Callable[[], object]] = {
            UPSTREAM: upstream_training(given, recipe, device, args.steps),
            OURS: our_training(args, given, recipe, accelerator),
        }
        timings = interleave(
            tasks, rounds=args.rounds, warmup=1, synchronise=partial(synchronise, device)
        )
    print(format_timings(timings, includes, UPSTREAM))
    for name, timing in timings.items():
        print(f"  {name}: {args.steps * args.batch / timing.median:.1f} images/s")
    return {
        "environment": describe_environment(device, 1),
        "training": timings_as_json(timings, includes, UPSTREAM),
    }


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """The recipe fields that the options set, for a training at one input size without an end."""
    return {
        "image_size": args.image_size,
        "batch_size": args.batch,
        "train_sets": (args.set,),
        "workers": args.workers,
        "multiscale": 0.0,
        "precision": args.precision,
        "epochs": 10**6,
        "final_fraction": 0.0,
    }


def upstream_training(
    given: Pictures, recipe: Recipe, device: torch.device, steps: int
) -> Callable[[], object]:
    """A task that starts upstream's loader, and trains on some of its batches."""
    dataset = upstream_dataset(given.root, recipe, cache=True)
    step = UpstreamStep(recipe, recipe.batch_size, device)
    workers = max(1, recipe.workers) if recipe.workers >= 0 else 1

    def train() -> None:
        loader = upstream_loader(dataset, recipe.batch_size, workers)
        step.feed(iter(loader))
        for _ in range(steps):
            step()
        step.trainer.prefetcher = None  # ends the loader's processes

    return train


def our_training(
    args: argparse.Namespace, given: Pictures, recipe: Recipe, accelerator: Accelerator
) -> Callable[[], object]:
    """A task that starts the package's loader, and trains on some of its batches."""
    torch.manual_seed(recipe.seed)
    network = build_yolox(len(recipe.classes))
    training = OurTraining(
        network, given.split, recipe, accelerator, augment=args.augment, compile=args.compile
    )

    def train() -> None:
        for _ in islice(training.steps(), args.steps):
            pass

    return train
