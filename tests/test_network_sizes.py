"""The sizes are upstream's, and the channels of the sites follow from them."""

import pytest
from yolox import config

from yolox_ela.sizes import SITES, SIZES, in_network_order, site_channels

UPSTREAM = {size: getattr(config, f"Yolox{size.capitalize()}")() for size in SIZES}


@pytest.mark.parametrize("size", SIZES)
def test_upstreams_values(size):
    theirs = UPSTREAM[size]
    depthwise = getattr(theirs, "depthwise", False)
    assert SIZES[size] == (theirs.depth, theirs.width, depthwise)


def test_channels():
    assert list(site_channels("nano").values()) == [64, 128, 256, 256, 128, 128, 256]
    assert list(site_channels("tiny").values()) == [96, 192, 384, 384, 192, 192, 384]
    assert list(site_channels("x").values()) == [320, 640, 1280, 1280, 640, 640, 1280]


def test_order():
    assert in_network_order(["C3_p4", "dark5", "other"]) == ("dark5", "C3_p4", "other")
    assert in_network_order(list(SITES)[::-1]) == tuple(SITES)
