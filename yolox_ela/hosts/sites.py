"""Where the papers put attention, for `yolox_ela.attention.insert`.

The ELA paper (arXiv 2403.01123) says it in words only; these are the sites with which parameters
and multiply-adds of its Tables 2, 4, 5, 6 and 8 come out to the printed digit
(`yolox-ela table complexity --host`). A tuple of sites shares one module.
"""

from collections.abc import Sequence

from yolox_ela.attention.site_maps import Before, Site

Sites = tuple[Site | tuple[Site, ...], ...]

STAGES = ("layer1", "layer2", "layer3", "layer4")
RESNET50_BLOCKS = [
    f"{stage}.{block}"
    for stage, count in zip(STAGES, (3, 4, 6, 3), strict=True)
    for block in range(count)
]

SITES: dict[str, Sites] = {
    # Stem and first stage share one module; one in each block before the addition; one behind each
    # stage. 12 modules at 13 sites.
    "resnet18": (
        ("relu", "layer1"),
        *(f"{stage}.{block}.bn2" for stage in STAGES for block in range(2)),
        *STAGES[1:],
    ),
    # Behind the stem and each stage, none inside the Bottlenecks, whatever section 4.2 says.
    "resnet50": ("relu", *STAGES),
    "resnet101": ("relu", *STAGES),
    # Behind the depthwise convolution, BatchNorm and ReLU6 of each block but the first.
    "mobilenet_v2": tuple(f"features.{block}.conv.1" for block in range(2, 18)),
    # C5, the projector's output, and those of the first three residual blocks.
    "yolof": ("backbone", "encoder.projector", *(f"encoder.blocks.{block}" for block in range(3))),
    # Behind the 3x3 convolution, BatchNorm and ReLU of each Bottleneck; none behind the stages.
    "deeplabv3": tuple(Before(f"backbone.{block}.conv3") for block in RESNET50_BLOCKS),
    # ECA-Net (arXiv 1910.03151): before the addition of each Bottleneck.
    "eca_resnet50": tuple(f"{block}.bn3" for block in RESNET50_BLOCKS),
}


def sites(network: str) -> Sites:
    """The sites of one of the papers' networks, in torchvision's names; see `SITES`.

    Raises:
        TypeError: the name is no text.
        ValueError: there are none for this name; the message lists the names.
    """
    if not isinstance(network, str):
        raise TypeError(f"sites: the network's name is text, not a {type(network).__name__}")
    if network not in SITES:
        raise ValueError(f"no sites are known of '{network}'; there are {', '.join(SITES)}")
    return SITES[network]


def under(name: str, given: Sequence[Site | tuple[Site, ...]]) -> Sites:
    """The same sites where the network is a submodule, as `body` in torchvision's detectors is."""

    def moved(site: Site) -> Site:
        return Before(f"{name}.{site.name}") if isinstance(site, Before) else f"{name}.{site}"

    return tuple(tuple(map(moved, s)) if isinstance(s, tuple) else moved(s) for s in given)
