"""Prediction: the package's Detector beside upstream's network and processor."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from yolox.models.processor import YoloxProcessor

from studies.speed.pictures import add_picture_options, pictures
from studies.speed.table import format_timings, timings_as_json
from studies.speed.upstream_training import upstream_config
from yolox_ela.commands.parser import image_size
from yolox_ela.input_size import InputSize
from yolox_ela.network.inference import Inference, predictor
from yolox_ela.network.model import build_yolox
from yolox_ela.predict import Detector
from yolox_ela.recipe import Recipe
from yolox_ela.system.device import select_device, synchronise
from yolox_ela.system.environment import describe_environment
from yolox_ela.tables.timing import interleave

UPSTREAM = "yolox"
INCLUDES = {
    UPSTREAM: "as installed: one picture from its file to boxes",
    "ours": "Detector, the same pictures one by one",
    "ours, stream": "Detector.stream, the same pictures as a stream, one a batch",
}
NETWORK_INCLUDES = {
    UPSTREAM: "as installed: the network, one square picture in memory to predictions",
    "ours": "BatchNorm folded, channels last",
    "ours, compiled": "through torch.compile",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for pictures, size and device."""
    add_picture_options(parser)
    parser.add_argument("--images", type=int, default=16, help="pictures a round; default: 16")
    parser.add_argument("--image-size", type=image_size, default=640, help="default: 640")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Time the network alone, then everything from files to boxes."""
    device = select_device(args.device)
    recipe = Recipe(image_size=args.image_size)
    torch.manual_seed(0)
    model = build_yolox(len(recipe.classes)).to(device).eval()
    upstream = upstream_config(recipe).get_model().to(device).eval()
    upstream.load_state_dict(model.state_dict())
    results: dict[str, Any] = {"environment": describe_environment(device, 1)}
    timer = partial(interleave, rounds=args.rounds, synchronise=partial(synchronise, device))

    image = torch.randint(0, 256, (1, 3, *InputSize.of(args.image_size)), device=device)
    networks: dict[str, Callable[[], object]] = {
        UPSTREAM: partial(_plain, upstream, image.float()),
        "ours": partial(predictor(model, device, Inference()), image.byte()),
    }
    if not args.no_compile:
        compiled = predictor(model, device, Inference(compile=True))
        networks["ours, compiled"] = partial(compiled, image.byte())
    print(f"the network, {args.image_size} px, batch 1, on {device}")
    timings = timer(networks, min_seconds=0.2)
    print(format_timings(timings, NETWORK_INCLUDES, UPSTREAM))
    results["network"] = timings_as_json(timings, NETWORK_INCLUDES, UPSTREAM)

    with pictures(args) as given:
        paths = [Path(path) for path in given.split.paths[: args.images]]
        detector = Detector.from_model(
            model, recipe.classes, image_size=args.image_size, device=str(device)
        )
        processor = YoloxProcessor(upstream_config(recipe))
        tasks: dict[str, Callable[[], object]] = {
            UPSTREAM: partial(_upstream, upstream, processor, paths, device),
            "ours": lambda: [detector(path) for path in paths],
            "ours, stream": lambda: list(detector.stream(paths)),
        }
        print(f"{len(paths)} of {given.text}, from files to boxes over 0.3")
        timings = timer(tasks)
        print(format_timings(timings, INCLUDES, UPSTREAM))
        for name, timing in timings.items():
            print(f"  {name}: {len(paths) / timing.median:.1f} pictures/s")
        results["pictures"] = timings_as_json(timings, INCLUDES, UPSTREAM)
    return results


@torch.no_grad()
def _plain(model: torch.nn.Module, images: torch.Tensor) -> object:
    return model(images)


@torch.no_grad()
def _upstream(
    model: torch.nn.Module, processor: YoloxProcessor, paths: Sequence[Any], device: torch.device
) -> list[Any]:
    found = []
    for path in paths:
        with Image.open(path) as image:
            output = model(processor([image]).to(device))
            found += processor.postprocess([image], output, threshold=0.3)
    return found
