"""Size and cost of torchvision's detectors in which ECA-Net was tried; the paper prints none.

A detector's operations depend on what it finds. Here all its parts run once, without memory for
values (device `meta`), its second stage for as many proposals as torchvision keeps at most; each
module of attention is counted at the shapes of its sites.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from yolox_ela.attention import ECA, ela_s
from yolox_ela.attention.insertion import Build
from yolox_ela.attention.site_maps import Site, maps_at
from yolox_ela.hosts.detectors import faster_rcnn, mask_rcnn, retinanet
from yolox_ela.hosts.sites import SITES, Sites
from yolox_ela.tables.hosts.counts import Count, count, count_attention
from yolox_ela.tables.layout import Column, Table

IMAGE_SIZE = (800, 1344)  # 800 x 1333, padded to a multiple of 32 as the detectors do
PROPOSALS, DETECTIONS = 1000, 100  # the most that torchvision keeps of an image
POOLED, POOLED_OF_MASKS = 7, 14  # sides of the maps that the second stage takes


class Detector(NamedTuple):
    """A detector to count.

    Attributes:
        title: its name.
        build: builds it.
        parts: runs all its parts on an image.
    """

    title: str
    build: Callable[..., Any]
    parts: Callable[[Any, Tensor], None]


class Method(NamedTuple):
    """Attention in a detector: what builds it, and where it is in ResNet-50."""

    name: str
    build: Build | None
    sites: Sites


METHODS = (
    Method("baseline", None, ()),
    Method("ECA, in each Bottleneck", ECA, SITES["eca_resnet50"]),
    Method("ELA-S, in each Bottleneck", ela_s, SITES["eca_resnet50"]),
    Method("ELA-S, behind stem and stages", ela_s, SITES["resnet50"]),
)


def two_stages(model: Any, image: Tensor) -> None:
    """Run the parts of Faster or Mask R-CNN."""
    maps = list(model.backbone(image).values())
    model.rpn.head(maps)
    heads, channels = model.roi_heads, maps[0].shape[1]
    boxes = torch.zeros(PROPOSALS, channels, POOLED, POOLED, device=image.device)
    heads.box_predictor(heads.box_head(boxes))
    if heads.has_mask():
        side = POOLED_OF_MASKS
        masks = torch.zeros(DETECTIONS, channels, side, side, device=image.device)
        heads.mask_predictor(heads.mask_head(masks))


def one_stage(model: Any, image: Tensor) -> None:
    """Run the parts of RetinaNet."""
    model.head(list(model.backbone(image).values()))


DETECTORS = {
    "faster_rcnn": Detector("Faster R-CNN", faster_rcnn, two_stages),
    "mask_rcnn": Detector("Mask R-CNN", mask_rcnn, two_stages),
    "retinanet": Detector("RetinaNet", retinanet, one_stage),
}


class Parts(nn.Module):
    """A detector without attention whose call runs all its parts on an image (1, 3, H, W)."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.model = detector.build(weights=None, weights_backbone=None)
        self.run = partial(detector.parts, self.model)

    def forward(self, image: Tensor) -> None:
        """See `Detector.parts`."""
        self.run(image)


def count_detector(name: str, method: Method) -> dict[str, Any]:
    """The row of a detector with attention.

    Args:
        name: a key of `DETECTORS`.
        method: the attention.
    """
    counts, shapes = _plain(name)
    if method.build is not None:
        groups = tuple(tuple(shapes[site] for site in group) for group in _groups(method))
        counts += count_attention(groups, method.build)
    return {
        "host": DETECTORS[name].title,
        "method": method.name,
        "modules": len(method.sites),
        "parameters": counts.parameters,
        "thop_parameters": counts.thop_parameters,
        "macs": counts.macs,
    }


def _groups(method: Method) -> list[tuple[Site, ...]]:
    """The sites of each module."""
    return [site if isinstance(site, tuple) else (site,) for site in method.sites]


@lru_cache
def _plain(name: str) -> tuple[Count, dict[Site, torch.Size]]:
    """The counts of a detector without attention, and the map's shape at each site of a method."""
    with torch.device("meta"):
        parts = Parts(DETECTORS[name])
    shape = (1, 3, *IMAGE_SIZE)
    sites = {site for method in METHODS for group in _groups(method) for site in group}
    maps = maps_at(parts.model.backbone.body, list(sites), torch.zeros(shape, device="meta"))
    return count(parts, shape), {site: found.shape for site, found in maps.items()}


def detectors_table(names: list[str]) -> Table:
    """Each detector with each of `METHODS`.

    Args:
        names: keys of `DETECTORS`.
    """
    rows = [count_detector(name, method) for name in dict.fromkeys(names) for method in METHODS]
    columns = [
        Column("host", "network"),
        Column("method", "attention in ResNet-50"),
        Column("modules", "modules"),
        Column("parameters", "parameters", "{:,}".format),
        Column("thop_parameters", "thop's", "{:,}".format),
        Column("macs", "GMACs (thop)", lambda macs: f"{macs / 1e9:.3f}"),
    ]
    height, width = IMAGE_SIZE
    notes = [
        f"torchvision's, with FPN and 91 outputs, whose BatchNorm is trained, for {PROPOSALS:,} "
        f"proposals (RetinaNet has none) and {DETECTIONS} masks. No printed numbers stand beside "
        "them: the ELA paper has none of these detectors."
    ]
    title = f"Detectors of ECA-Net, one image of {height} x {width}"
    return Table(title, columns, rows, notes)
