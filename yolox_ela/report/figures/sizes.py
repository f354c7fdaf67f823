"""AP and recall by the size of objects."""

import math

import numpy as np
from matplotlib.figure import Figure

from yolox_ela.report.sizes import SizeScores
from yolox_ela.report.style import COLORS, new_figure


def draw_sizes(sizes: tuple[SizeScores, ...], threshold: float) -> Figure:
    """Three bars for each range of sizes.

    Args:
        sizes: scores of each range.
        threshold: the one that `kept_recall` belongs to.
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    places, width = np.arange(len(sizes)), 0.26
    for shift, (name, values, color) in enumerate(
        (
            ("AP50, all points", [size.ap50 for size in sizes], COLORS[0]),
            ("recall at any score", [size.recall for size in sizes], COLORS[5]),
            (f"recall from score {threshold:.3f}", [size.kept_recall for size in sizes], COLORS[4]),
        )
    ):
        heights = 100 * np.array(values)
        bars = axes.bar(places + (shift - 1) * width, np.nan_to_num(heights), width * 0.94)
        for bar in bars:
            bar.set_color(color)
        bars.set_label(name)
        axes.bar_label(bars, ["none" if math.isnan(h) else f"{h:.1f}" for h in heights], padding=2)
    axes.set_xticks(places, [_describe(size) for size in sizes])
    axes.set(ylabel="percent", ylim=(0, 105))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def _describe(size: SizeScores) -> str:
    low, high = (math.sqrt(area) for area in size.area_range)
    if math.isinf(high):
        extent = f"over {low:.0f}² pixels"
    elif low == 0:
        extent = f"up to {high:.0f}² pixels"
    else:
        extent = f"{low:.0f}² to {high:.0f}² pixels"
    return f"{size.name}, {extent}\n{size.objects} objects of {size.classes} classes"
