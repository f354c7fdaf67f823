"""Average precision of each class."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from yolox_ela.evaluate.scores import METRIC_TITLES, METRICS, SplitScores
from yolox_ela.report.page import Section, plain_number
from yolox_ela.report.style import COLORS, new_figure, to_png


def ap_per_class_numbers(scores: SplitScores, classes: tuple[str, ...]) -> dict[str, Any]:
    """For each class name: all of `METRICS` in 0-1, None without objects, and the object count."""
    return {
        name: {
            **{metric: plain_number(getattr(scores, metric)[label]) for metric in METRICS},
            "objects": int(scores.voc.positives[label]),
        }
        for label, name in enumerate(classes)
    }


def plot_ap_per_class(scores: SplitScores, classes: tuple[str, ...]) -> Figure:
    """Bars with AP50 and AP50:95 of the classes with objects, the best class first, and the means.

    Args:
        scores: the split's scores.
        classes: the class names, in the order of the labels.
    """
    labels = np.flatnonzero(np.isfinite(scores.ap50_voc07))
    labels = labels[np.argsort(-scores.ap50_voc07[labels], kind="stable")]
    places = np.arange(len(labels))
    figure = new_figure(1.8 + 0.27 * len(labels))
    axes = figure.add_subplot()
    for metric, heading, color, height, column in (
        ("ap50_voc07", "AP50", COLORS[5], 0.8, 1.06),
        ("ap50_95", "50:95", COLORS[0], 0.4, 1.13),
    ):
        values = 100 * getattr(scores, metric)[labels]
        axes.barh(places, values, height, color=color, label=METRIC_TITLES[metric])
        for place, value in enumerate(values.tolist()):
            axes.text(
                column,
                place,
                f"{value:.1f}",
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
            )
        axes.text(column, 1.01, heading, transform=axes.transAxes, ha="right")
        if len(labels):
            mean = values.mean()
            axes.axvline(mean, color="black", linestyle="--", linewidth=1)
            text = f"mean {mean:.1f}"
            axes.text(mean, 1.01, text, transform=axes.get_xaxis_transform(), ha="center")
    names = [f"{classes[label]} ({scores.voc.positives[label]})" for label in labels]
    axes.set_yticks(places, names)
    axes.set(xlabel="AP in percent (objects in brackets)", xlim=(0, 100))
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def ap_per_class_section(scores: SplitScores, classes: tuple[str, ...]) -> Section:
    """The bars as a part of a report."""
    return Section(
        "Average precision of each class",
        "AP50 by VOC's rules over 11 points, and AP50:95 by COCO's; lines are the means.",
        {"ap_per_class": to_png(plot_ap_per_class(scores, classes))},
        numbers=ap_per_class_numbers(scores, classes),
    )
