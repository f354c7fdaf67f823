"""The package's ELA beside the paper's Figure 4, on the maps of the seven sites."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from studies.speed.table import format_timings, timings_as_json
from yolox_ela.attention import ELA, ela_s
from yolox_ela.commands.parser import image_size
from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.sizes import STRIDES, site_channels
from yolox_ela.system.device import select_device, synchronise
from yolox_ela.system.environment import describe_environment
from yolox_ela.tables.timing import interleave

LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
INCLUDES = {
    "figure 4": "the figure's lines, one operation each",
    "ours": "the same weights, the same result",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for batch sizes, input size and device."""
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16], help="default: 1 16")
    parser.add_argument("--image-size", type=image_size, default=640, help="default: 640")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Time ELA-S, the forward pass alone and with the backward pass, and print the tables."""
    device = select_device(args.device)
    results: dict[str, Any] = {"environment": describe_environment(device, 1)}
    for batch in args.batch:
        for layout in LAYOUTS:
            modules, maps = seven_sites(batch, args.image_size, layout, device)
            for what, task in (("inference", infer), ("training", train)):
                timings = interleave(
                    {
                        "figure 4": partial(task, figure_4, modules, maps),
                        "ours": partial(task, ELA.__call__, modules, maps),
                    },
                    rounds=args.rounds,
                    synchronise=partial(synchronise, device),
                    min_seconds=0.05,
                )
                print(f"ELA-S at seven sites, {what}, batch {batch}, {layout}, on {device}")
                print(format_timings(timings, INCLUDES, "figure 4"))
                case = f"{what}, batch {batch}, {layout}"
                results[case] = timings_as_json(timings, INCLUDES, "figure 4")
    return results


def figure_4(module: ELA, x: Tensor) -> Tensor:
    """Figure 4's steps with the weights of `module`: (N, C, H, W) -> (N, C, H, W)."""
    n, c, h, w = x.shape
    x_h = x.mean(3, keepdim=True).view(n, c, h)
    x_w = x.mean(2, keepdim=True).view(n, c, w)
    y_h = module.gate_h(x_h).view(n, c, h, 1)
    y_w = module.gate_h(x_w).view(n, c, 1, w)
    return x * y_h * y_w


def seven_sites(
    batch: int, image_size: ImageSize, layout: str, device: torch.device
) -> tuple[list[ELA], list[Tensor]]:
    """An ELA-S for each site and a map of the size there, for images of a size."""
    generator = torch.Generator().manual_seed(0)
    modules = [ela_s(channels).to(device) for channels in site_channels("nano").values()]
    maps = []
    for site, channels in site_channels("nano").items():
        rows, columns = (side // STRIDES[site] for side in InputSize.of(image_size))
        x = torch.randn(batch, channels, rows, columns, generator=generator)
        maps.append(x.to(device, memory_format=LAYOUTS[layout]))
    return modules, maps


Forward = Callable[[ELA, Tensor], Tensor]


def infer(forward: Forward, modules: Sequence[ELA], maps: Sequence[Tensor]) -> list[Tensor]:
    """The output at every site."""
    with torch.inference_mode():
        return [forward(module, x) for module, x in zip(modules, maps, strict=True)]


def train(forward: Forward, modules: Sequence[ELA], maps: Sequence[Tensor]) -> list[Tensor]:
    """The gradient of the map at every site; the gradient of the output is the map itself."""
    gradients = []
    for module, x in zip(modules, maps, strict=True):
        leaf = x.detach().requires_grad_()
        forward(module, leaf).backward(x)
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    return gradients
