"""Precision, recall and F1 against the score threshold."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yolox_ela.report.style import COLORS, GREY, new_figure
from yolox_ela.report.thresholds import THRESHOLDS, OperatingPoint, ThresholdCurves


def draw_f1(curves: ThresholdCurves, kept: OperatingPoint) -> Figure:
    """All classes pooled.

    Args:
        curves: of all classes.
        kept: the point to mark: the best one, or a threshold that was asked for.
    """
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    for values, name, color, style in (
        (curves.pooled.precision, "precision", COLORS[0], "--"),
        (curves.pooled.recall, "recall", COLORS[1], ":"),
        (curves.pooled.f1, "F1", COLORS[6], "-"),
    ):
        axes.plot(THRESHOLDS, values, style, color=color, label=name, linewidth=2)
    axes.axvline(kept.threshold, color=GREY, linewidth=1)
    axes.plot(kept.threshold, kept.f1, "o", color=COLORS[6], markersize=7)
    is_best = kept.threshold == curves.pooled.best.threshold
    precision = "none" if math.isnan(kept.precision) else f"{kept.precision:.3f}"
    axes.set_title(
        f"all classes pooled: {'best F1' if is_best else 'F1'} {kept.f1:.3f} at score "
        f"{kept.threshold:.3f}, where precision is {precision}, recall {kept.recall:.3f}",
        fontsize="medium",
    )
    axes.set(xlabel="score threshold", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    _legend_below(axes)
    return figure


def draw_f1_per_class(
    curves: ThresholdCurves, kept: OperatingPoint, classes: tuple[str, ...]
) -> Figure:
    """F1 of each class at the shared threshold and at its own best one, which is named.

    Args:
        curves: of all classes.
        kept: the point with the shared threshold.
        classes: names of the labels.
    """
    own = {
        name: (curve.best, curve.at(kept.threshold))
        for name, curve in zip(classes, curves.classes, strict=True)
        if curve is not None
    }
    names = sorted(own, key=lambda name: -own[name][0].f1)
    places = np.arange(len(names))
    best = np.array([own[name][0].f1 for name in names])
    shared = np.array([own[name][1].f1 for name in names])
    figure = new_figure(2.0 + 0.24 * len(names))
    axes = figure.add_subplot()
    axes.hlines(places, shared, best, color="0.75", linewidth=2, zorder=1)
    at_kept = f"at score {kept.threshold:.3f}"
    axes.plot(shared, places, "|", color=GREY, markersize=11, markeredgewidth=2, label=at_kept)
    label = "at its own best threshold, named at right"
    axes.plot(best, places, "o", color=COLORS[6], markersize=6, label=label)
    for place, name in enumerate(names):
        axes.text(
            1.06,
            place,
            f"{own[name][0].threshold:.3f}",
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
        )
    axes.set_yticks(places, names)
    axes.set(xlabel="F1", xlim=(max(0.0, shared.min(initial=1) - 0.05), 1))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(alpha=0.3)
    _legend_below(axes)
    return figure


def _legend_below(axes: Axes) -> None:
    """Below the label of the x axis, where it hides no curve."""
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=3.5, ncols=3, frameon=False
    )
