"""What can be read from the gates of a network on one photograph, in sentences with numbers."""

from collections.abc import Sequence

import numpy as np

from yolox_ela.explain.networks import ConstantGates
from yolox_ela.network.model import Yolox
from yolox_ela.report.gate_values import Gated, GateStatistics
from yolox_ela.report.gates import without_gates

MOSTLY = 2.0  # times as much variation in one direction as in the other decides between them
CONSTANT = 0.005  # gates that vary less in both directions are nearly the same everywhere


def gate_note(model: Yolox) -> str:
    """Which attention has no gates by row and column, and the largest value of gates that are not
    between 0 and 1; empty if there is nothing to say.
    """
    if any(isinstance(m, ConstantGates) for m in model.backbone.attention.values()):
        return "Constants stand in place of its gates, which this section therefore leaves out."
    modules = [m for m in model.backbone.attention.values() if isinstance(m, Gated)]
    scales = sorted({float(getattr(module, "gate_scale", 1.0)) for module in modules} - {1.0})
    sentences = [without_gates(model)]
    sentences += [
        f"The largest value of its gates is {scale:g}, so that a share of {1 / scale:g} leaves a "
        "map as it is."
        for scale in scales
    ]
    return " ".join(filter(None, sentences))


def gate_reading(statistics: Sequence[GateStatistics]) -> str:
    """Whether gates weight channels or positions, by their standard deviations.

    Args:
        statistics: the statistics of each site and direction, on one photograph.

    Returns:
        One sentence; empty if there are no gates.
    """
    if not statistics:
        return ""
    along = [row.along for row in statistics]
    between = [row.between for row in statistics]
    overall = [float(np.sqrt(np.mean(np.square(values)))) for values in (along, between)]
    if max(overall) < CONSTANT:
        verdict = "so here the attention multiplies by nearly the same number everywhere"
    elif overall[1] > MOSTLY * overall[0]:
        verdict = "so here the attention weights channels rather than positions"
    elif overall[0] > MOSTLY * overall[1]:
        verdict = "so here the attention weights positions rather than channels"
    else:
        verdict = "so here the attention weights both channels and positions"
    means = [row.mean for row in statistics]
    return (
        f"along a strip the gates of one channel have a standard deviation (sd) of "
        f"{min(along):.4f} to {max(along):.4f}, depending on the site, and between channels of "
        f"{min(between):.4f} to {max(between):.4f}, at means of {min(means):.2f} to "
        f"{max(means):.2f}: {verdict}."
    )
