"""Precision over recall for each class and for their mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from yolox_ela.evaluate.average_precision import COCO_RECALLS, mean_over_classes
from yolox_ela.evaluate.scores import SplitScores
from yolox_ela.report.page import Section, plain_list
from yolox_ela.report.style import COLORS, legend_label, new_figure, to_png

NAMED = 3  # classes named at either end of the ranking
STYLES = ("-", "--", ":")


@dataclass(frozen=True)
class PrecisionRecall:
    """The curves with AP50 as the area below them, at IoU 0.5 by VOC's rules.

    Attributes:
        recalls: (P,) float64: 0, 0.01, ..., 1.
        precision: (C, P) float64 in 0-1: the best precision at that recall or beyond, 0 at recalls
            that are never reached; NaN for classes without objects.
    """

    recalls: np.ndarray
    precision: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(P,) the mean over the classes with objects; NaN without any."""
        return mean_over_classes(self.precision.T)

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """The curves as plain JSON values; classes without objects are left out."""
        return {
            "recalls": plain_list(self.recalls),
            "mean": plain_list(self.mean),
            "per_class": {
                name: plain_list(curve)
                for name, curve in zip(classes, self.precision, strict=True)
                if np.isfinite(curve[0])
            },
        }


def precision_recall_curves(scores: SplitScores) -> PrecisionRecall:
    """The curves of all classes."""
    precision = np.full((len(scores.ap50), len(COCO_RECALLS)), np.nan)
    for label in np.flatnonzero(scores.voc.positives).tolist():
        curve = scores.curve(label)
        best_beyond = np.append(np.maximum.accumulate(curve.precision[::-1])[::-1], 0.0)
        precision[label] = best_beyond[np.searchsorted(curve.recall, COCO_RECALLS, side="left")]
    return PrecisionRecall(COCO_RECALLS, precision)


def plot_precision_recall(
    curves: PrecisionRecall, ap50: np.ndarray, classes: tuple[str, ...]
) -> Figure:
    """The curve of each class with objects; the mean and the best and worst classes named.

    Args:
        curves: the curves of all classes.
        ap50: (C,) AP50 over all points, the area below each curve, in 0-1.
        classes: the class names, in the order of the labels.
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
                label=f"{legend_label(classes[label])}  {100 * ap50[label]:.1f}",
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


def precision_recall_section(
    curves: PrecisionRecall, ap50: np.ndarray, classes: tuple[str, ...]
) -> Section:
    """The curves as a part of a report; the arguments are those of `plot_precision_recall`."""
    return Section(
        "Precision and recall",
        "At IoU 0.5 by VOC's rules. Read from the right: as the score threshold rises, fewer "
        "objects are found and fewer detections are false.",
        {"precision_recall": to_png(plot_precision_recall(curves, ap50, classes))},
        numbers=curves.to_json(classes),
    )
