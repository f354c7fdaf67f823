"""The attention benchmark compares two ways to one result."""

import pytest
import torch

from studies.speed.attention import LAYOUTS, figure_4, infer, seven_sites, train
from yolox_ela.attention import ELA
from yolox_ela.network.model import build_yolox
from yolox_ela.sizes import site_channels

SITES = site_channels("nano")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_ways_give_one_result(layout):
    modules, maps = seven_sites(2, 96, layout, torch.device("cpu"))
    for task in (infer, train):
        mine, theirs = task(ELA.__call__, modules, maps), task(figure_4, modules, maps)
        assert len(mine) == len(theirs) == 7
        for one, other in zip(mine, theirs, strict=True):
            torch.testing.assert_close(one, other)


def test_maps_are_those_of_the_detector():
    """Every site of a real network sees the shape that is timed."""
    seen = {}

    class Spy(torch.nn.Module):
        def forward(self, x):
            return x

    model = build_yolox(20, lambda channels: Spy()).eval()
    for site, module in model.backbone.attention.items():
        module.register_forward_hook(lambda m, i, o, site=site: seen.update({site: o.shape}))
    with torch.no_grad():
        model(torch.zeros(2, 3, 96, 96))
    _, maps = seven_sites(2, 96, "nchw", torch.device("cpu"))
    assert [seen[site] for site in SITES] == [x.shape for x in maps]
