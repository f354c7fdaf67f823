"""The three properties by which the paper's Table 1 compares modules, derived from the modules."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from yolox_ela.attention import CA, CBAM, ECA, SA, SE, CAGroupNorm, ela_b, ela_l, ela_s, ela_t
from yolox_ela.attention.insertion import Build
from yolox_ela.system.randomness import isolated_generators
from yolox_ela.tables.layout import Column, Table

MODULES: dict[str, Build] = {
    "SE": SE,
    "CBAM": CBAM,
    "ECA": ECA,
    "SA": SA,
    "CA (r=32)": partial(CA, reduction=32),
    "CA_gn (r=32)": partial(CAGroupNorm, reduction=32),
    "ELA-T": ela_t,
    "ELA-B": ela_b,
    "ELA-S": ela_s,
    "ELA-L": ela_l,
}
CHANNELS = 256


def properties_table() -> Table:
    """For each module: are positions told apart, are channels kept, and is it light?"""
    rows = [{"module": name, **_properties(build)} for name, build in MODULES.items()]

    def shown(holds: bool) -> str:
        return "yes" if holds else "no"

    columns = [
        Column("module", "module"),
        Column("spatial", "spatial: gates differ between positions", shown),
        Column("keeps_channels", "no channel reduction: no layer from C to fewer", shown),
        Column("light", "lightweight: parameters grow with C, not C^2", shown),
        Column("parameters", f"parameters for C = {CHANNELS}", "{:,}".format),
    ]
    notes = [
        "Derived from the modules: gates on a random map with random weights; the channels of "
        f"their layers; parameters for C = {2 * CHANNELS} beside those for C = {CHANNELS}."
    ]
    return Table("Properties of the modules (Table 1)", columns, rows, notes)


def _properties(build: Build) -> dict[str, Any]:
    module, wider = build(CHANNELS), build(2 * CHANNELS)
    assert module is not None
    assert wider is not None
    small, large = (sum(p.numel() for p in m.parameters()) for m in (module, wider))
    return {
        "spatial": _tells_positions_apart(module),
        "keeps_channels": not any(_reduces(layer) for layer in module.modules()),
        "light": large <= 2 * small,
        "parameters": small,
    }


def _reduces(layer: nn.Module) -> bool:
    """Whether a layer takes all channels and returns fewer."""
    if isinstance(layer, nn.Linear):
        return layer.in_features == CHANNELS > layer.out_features
    if isinstance(layer, nn.Conv1d | nn.Conv2d):
        return layer.in_channels == CHANNELS > layer.out_channels
    return False


@torch.no_grad()
def _tells_positions_apart(module: nn.Module) -> bool:
    """Whether the factors of a channel's values differ between positions."""
    with isolated_generators(0):
        for parameter in module.parameters():
            nn.init.normal_(parameter)
        x = torch.rand(1, CHANNELS, 6, 9) + 0.5
    if isinstance(module, SA):
        module.shuffle = False  # so that each value stands beside its gate
    gates: Tensor = (module.eval()(x) / x).flatten(2)
    return bool((gates.amax(2) - gates.amin(2) > 1e-3).any())
