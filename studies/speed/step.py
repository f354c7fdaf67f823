"""A training step on one batch: the package's beside upstream's, and where its time goes."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from studies.speed.dispatch import count_dispatches
from studies.speed.parts import time_parts
from studies.speed.pictures import add_picture_options, pictures
from studies.speed.table import format_timings, timings_as_json
from studies.speed.upstream_training import CPU_PATCH, UpstreamStep
from yolox_ela.augment.feed import HostFeed
from yolox_ela.commands.parser import image_size
from yolox_ela.network.model import build_yolox
from yolox_ela.recipe import Recipe
from yolox_ela.system.device import synchronise
from yolox_ela.system.environment import describe_environment
from yolox_ela.system.text_table import text_table
from yolox_ela.tables.timing import interleave
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.step import TrainStep

UPSTREAM = "yolox"
INCLUDES = {
    UPSTREAM: "Trainer.train_one_iter as installed, float images in memory",
    "ours, loop": "the same with upstream's loss: bytes, channels last, fused SGD, foreach EMA",
    "ours, dense": "with the batched assignment and dense loss",
    "ours, compiled": "dense, through torch.compile",
}
PARTS = ("loop", "dense")
LR = 1e-5  # the weights stay what they are: the time of a step depends on them


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for pictures, sizes, and variants."""
    add_picture_options(parser)
    parser.add_argument("--batch", type=int, default=16, help="default: 16")
    parser.add_argument("--image-size", type=image_size, default=640, help="default: 640")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--with",
        dest="variants",
        nargs="+",
        choices=("compiled",),
        default=(),
        help="more of ours",
    )
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of ours")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Time steps on the same batch, count operators, and time the parts of our step."""
    recipe = Recipe(
        image_size=args.image_size,
        batch_size=args.batch,
        mosaic_prob=1.0,
        train_sets=(args.set,),
        workers=0,
        multiscale=0.0,
    )
    accelerator = build_accelerator(args.device, args.precision)
    device = accelerator.device
    with pictures(args) as given:
        feed = HostFeed(given.split, recipe, device)
        images, targets = feed.samples(next(iter(feed.loader())))
        text = f"{given.text}, {args.image_size} px, batch {args.batch}, on {device}"
    upstream = UpstreamStep(recipe, args.batch, device)
    upstream.feed(_again(images, targets))
    steps: dict[str, Callable[[], object]] = {UPSTREAM: upstream}
    for name in PARTS:
        steps[f"ours, {name}"] = our_step(
            recipe, images, targets, accelerator, dense=name == "dense"
        )
    for name in args.variants:
        steps[f"ours, {name}"] = our_step(recipe, images, targets, accelerator, compile=True)
    print(text)
    if device.type != "cuda":
        print(f"patched: {CPU_PATCH}")
    results: dict[str, Any] = {"environment": describe_environment(device, 1)}
    timings = interleave(steps, rounds=args.rounds, synchronise=partial(synchronise, device))
    print(format_timings(timings, INCLUDES, UPSTREAM))
    results["step"] = timings_as_json(timings, INCLUDES, UPSTREAM)
    print("operators dispatched in a step, views left out, and those that a GPU would wait for")
    results["operators"], rows = {}, []
    for name in (UPSTREAM, *(f"ours, {part}" for part in PARTS)):
        count = count_dispatches(steps[name])
        total, waits = count.operators.total(), count.waits.total()
        rows.append([name, f"{total:,}", f"{waits:,}"])
        results["operators"][name] = {"operators": total, "waits": dict(count.waits)}
    print(text_table(["", "operators", "waits"], rows, align="lrr"))
    print("where the time of a step goes (ours, the device's default loss)")
    parts = time_parts(recipe, images, targets, device, rounds=args.rounds)
    whole = sum(parts.values())
    rows = [[name, f"{1e3 * part:.1f}", f"{part / whole:.1%}"] for name, part in parts.items()]
    print(text_table(["part", "ms", "share"], rows, align="lrr"))
    results["parts"] = parts
    return results


def our_step(
    recipe: Recipe,
    images: Tensor,
    targets: Tensor,
    accelerator: Accelerator,
    *,
    dense: bool | None = None,
    compile: bool = False,
) -> Callable[[], object]:
    """A training step of this package, from a batch of bytes on."""
    torch.manual_seed(recipe.seed)
    network = build_yolox(len(recipe.classes))
    network.head.dense = dense
    step = TrainStep(network, recipe, accelerator, compile=compile)
    return lambda: step(images.float(), targets, LR, use_l1=False)


def _again(images: Tensor, targets: Tensor) -> Iterator[Sequence[Tensor]]:
    """Yield the same batch again and again, in the form of upstream's loader."""
    floats = images.float().contiguous()
    return repeat((floats, targets, targets, targets))
