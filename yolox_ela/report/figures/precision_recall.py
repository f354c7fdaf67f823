"""Precision over recall."""

import numpy as np
from matplotlib.figure import Figure

from yolox_ela.report.precision_recall import PrecisionRecall
from yolox_ela.report.style import COLORS, new_figure

NAMED = 3  # classes at either end
STYLES = ("-", "--", ":")


def draw_precision_recall(
    curves: PrecisionRecall, ap50: np.ndarray, classes: tuple[str, ...]
) -> Figure:
    """The curve of each class with objects; the mean and the best and worst classes named.

    Args:
        curves: of all classes.
        ap50: (C,) AP50 over all points, the area below each curve, in 0-1.
        classes: their names.
    """
    labels = np.flatnonzero(np.isfinite(ap50))
    best_first = labels[np.argsort(-ap50[labels], kind="stable")].tolist()
    best = best_first[:NAMED]
    worst = [label for label in best_first[-NAMED:] if label not in best]
    figure = new_figure(5.5)
    axes = figure.add_subplot()
    for label in best_first:
        if label not in best + worst:
            axes.plot(curves.recalls, curves.precision[label], color="0.75", linewidth=0.9)
    for group, color in ((best, COLORS[0]), (worst, COLORS[1])):
        for label, style in zip(group, STYLES, strict=False):
            axes.plot(
                curves.recalls,
                curves.precision[label],
                style,
                color=color,
                linewidth=1.6,
                label=f"{classes[label]}  {100 * ap50[label]:.1f}",
            )
    if best_first:
        name = f"mean of {len(best_first)}  {100 * ap50[labels].mean():.1f}"
        axes.plot(curves.recalls, curves.mean, color=COLORS[6], linewidth=3, label=name)
        figure.legend(loc="outside right center", frameon=False, title="class and AP50")
    axes.set(
        xlabel="recall",
        ylabel="precision (the best at that recall or beyond)",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    return figure
