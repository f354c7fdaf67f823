"""The sizes of YOLOX and the sites of attention; plain numbers, for which torch is not needed."""

from collections.abc import Collection
from typing import NamedTuple


class Size(NamedTuple):
    """What tells one size of YOLOX from another; the values are upstream's.

    Attributes:
        depth: factor of the number of blocks in a stage.
        width: factor of all numbers of channels.
        depthwise: whether 3 x 3 convolutions are depthwise separable.
    """

    depth: float
    width: float
    depthwise: bool = False


SIZES = {
    "nano": Size(0.33, 0.25, depthwise=True),
    "tiny": Size(0.33, 0.375),
    "s": Size(0.33, 0.5),
    "m": Size(0.67, 0.75),
    "l": Size(1.0, 1.0),
    "x": Size(1.33, 1.25),
}

STAGE_CHANNELS = (256, 512, 1024)  # of the backbone's maps at strides 8, 16 and 32, at width 1

# Where attention can act, in the order of the network: channels of the map at width 1.
SITES = {
    # After the backbone: the maps that its three stages pass on to the neck.
    "dark3": 256,  # stride 8
    "dark4": 512,  # stride 16
    "dark5": 1024,  # stride 32
    # On the neck's concatenations, before the CSP layer that each is named after.
    "C3_p4": 1024,  # stride 16
    "C3_p3": 512,  # stride 8
    "C3_n3": 512,  # stride 16
    "C3_n4": 1024,  # stride 32
}
STRIDES = {"dark3": 8, "dark4": 16, "dark5": 32, "C3_p4": 16, "C3_p3": 8, "C3_n3": 16, "C3_n4": 32}


def site_channels(size: str) -> dict[str, int]:
    """The number of channels at each site in a network of this size, in the network's order."""
    return {site: int(channels * SIZES[size].width) for site, channels in SITES.items()}


def in_network_order(sites: Collection[str]) -> tuple[str, ...]:
    """The same sites in the order in which the network reaches them; unknown names come last."""
    known = [site for site in SITES if site in sites]
    return (*known, *(site for site in sites if site not in SITES))
