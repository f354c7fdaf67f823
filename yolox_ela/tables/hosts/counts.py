"""Parameters and multiply-adds of the paper's other networks, counted as the paper does.

Counts of layers add up and attention changes no shape, so a network is built and counted once,
without memory for its weights (device `meta`), and each module is counted at the shapes of its
sites.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import thop
import torch
from torch import nn

from yolox_ela.attention.insertion import Build
from yolox_ela.attention.site_maps import Site, maps_at
from yolox_ela.hosts.classifiers import mobilenet_v2, resnet18, resnet50, resnet101
from yolox_ela.hosts.segmentation import deeplabv3
from yolox_ela.hosts.sites import sites
from yolox_ela.hosts.yolof import yolof


class Host(NamedTuple):
    """A network as the paper counts it.

    Attributes:
        title: its name, as in the paper.
        build: builds it without attention.
        image_size: height and width of the image, in pixels.
        unit: the multiply-adds that the paper's numbers are given in.
    """

    title: str
    build: Callable[[], nn.Module]
    image_size: tuple[int, int]
    unit: float = 1e9


HOSTS = {
    "resnet18": Host("ResNet-18", resnet18, (224, 224)),
    "resnet50": Host("ResNet-50", resnet50, (224, 224)),
    "resnet101": Host("ResNet-101", resnet101, (224, 224)),
    "mobilenet_v2": Host("MobileNetV2", mobilenet_v2, (224, 224), 1e6),
    "yolof": Host("YOLOF-ResNet50", yolof, (800, 1333)),
    "deeplabv3": Host("DeepLabV3-ResNet50", deeplabv3, (513, 513)),
}


@dataclass(frozen=True)
class Count:
    """Counts of a network, or of what attention adds to it.

    Attributes:
        parameters: the number of trainable values.
        thop_parameters: those that thop counts: not of GroupNorm, nor of a module's own.
        macs: multiply-adds for one image as thop counts them.
    """

    parameters: int
    thop_parameters: int
    macs: int

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.parameters + other.parameters,
            self.thop_parameters + other.thop_parameters,
            self.macs + other.macs,
        )


def count_host(name: str, build: Build | None, at: str = "") -> Count:
    """Count a network with attention.

    Args:
        name: a key of `HOSTS`.
        build: builds the module for a number of channels; None for the plain network.
        at: a key of `hosts.SITES`; by default the network's own sites.
    """
    _, plain = _plain(name)
    if build is None:
        return plain
    return plain + count_attention(_shapes(name, at or name), build)


def count_attention(shapes: tuple[tuple[torch.Size, ...], ...], build: Build) -> Count:
    """Count the modules for some sites: for each module the shapes of its sites' maps."""
    total = Count(0, 0, 0)
    for group, modules in Counter(shapes).items():
        module = build(group[0][1])
        assert module is not None
        counts = [count(module, shape) for shape in group]
        one = Count(counts[0].parameters, counts[0].thop_parameters, sum(c.macs for c in counts))
        total += Count(one.parameters * modules, one.thop_parameters * modules, one.macs * modules)
    return total


def count(model: nn.Module, shape: tuple[int, ...]) -> Count:
    """Count a network in evaluation mode for an input of this shape."""
    x = torch.zeros(shape, device=next(model.parameters()).device)
    with torch.no_grad():
        macs, known = thop.profile(model.eval(), (x,), verbose=False)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Count(parameters, int(known), int(macs))


@lru_cache
def _plain(name: str) -> tuple[nn.Module, Count]:
    host = HOSTS[name]
    with torch.device("meta"):
        model = host.build()
    return model, count(model, (1, 3, *host.image_size))


@lru_cache
def _shapes(name: str, at: str) -> tuple[tuple[torch.Size, ...], ...]:
    """For each module of the network, the shapes of the maps at its sites."""
    model, _ = _plain(name)
    groups: list[tuple[Site, ...]] = [
        site if isinstance(site, tuple) else (site,) for site in sites(at)
    ]
    example = torch.zeros(1, 3, *HOSTS[name].image_size, device="meta")
    maps = maps_at(model, [site for group in groups for site in group], example)
    return tuple(tuple(maps[site].shape for site in group) for group in groups)
