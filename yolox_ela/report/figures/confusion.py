"""The confusion matrix."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from yolox_ela.report.confusion import Confusion
from yolox_ela.report.style import new_figure

NUMBER_FROM = 0.05  # of a row; less is shown by its colour alone
MOST_NUMBERED = 30  # classes; more leave no room for numbers


def draw_confusion(confusion: Confusion, classes: tuple[str, ...]) -> Figure:
    """Shares of each row in percent, the classes and the background last."""
    names = [*classes, "background"]
    shares = confusion.shares
    shares[-1, -1] = np.nan  # what is neither annotated nor detected cannot be counted
    numbered = len(classes) <= MOST_NUMBERED
    figure = new_figure(max(4.5, 1.8 + (0.36 if numbered else 0.14) * len(names)))
    axes = figure.add_subplot()
    colors = colormaps["cividis"].with_extremes(bad="0.85")
    # The root spreads the small shares, which are what one looks for.
    norm = PowerNorm(0.5, 0, 100)
    picture = axes.imshow(100 * shares, cmap=colors, norm=norm, aspect="auto")
    if numbered:
        for row, column in np.argwhere(np.nan_to_num(shares) >= NUMBER_FROM):
            share = 100 * shares[row, column]
            color = "black" if norm(share) > 0.55 else "white"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=color)
    places = np.arange(len(names))
    axes.set_xticks(places, names, rotation=90)
    totals = confusion.counts.sum(axis=1)
    axes.set_yticks(places, [f"{name} ({n})" for name, n in zip(names, totals, strict=True)])
    axes.tick_params(labelsize="medium" if numbered else 7)
    axes.set_xlabel("detected as (background: not detected)")
    axes.set_ylabel("annotated as (background: false detections)")
    axes.set_title(
        f"percent of each row (count in brackets); detections with a score of "
        f"{confusion.threshold:.3f} or more, IoU over {confusion.iou:g}",
        fontsize="medium",
    )
    for edge in (axes.axhline, axes.axvline):
        edge(len(names) - 1.5, color="white", linewidth=1.5)
    bar = figure.colorbar(picture, ax=axes, shrink=0.6, pad=0.01, ticks=[0, 1, 5, 10, 25, 50, 100])
    bar.ax.minorticks_off()
    return figure
