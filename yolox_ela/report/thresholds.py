"""Precision, recall and F1 at each score threshold.

Detections are true or false at IoU 0.5 by VOC's rules; those of difficult objects are left out.
F1 is 2 TP / (detections + objects), the harmonic mean of precision and recall.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import SplitScores
from yolox_ela.report.page import Section, plain_list, plain_number
from yolox_ela.report.style import COLORS, GREY, new_figure, to_png

# Nobody sets a threshold with more than three decimals.
THRESHOLDS = np.arange(1001) / 1000


@dataclass(frozen=True)
class OperatingPoint:
    """The scores at one threshold, all in 0-1; precision is NaN without detections."""

    threshold: float
    precision: float
    recall: float
    f1: float

    def to_json(self) -> dict[str, float | None]:
        """The point as plain JSON values."""
        return {name: plain_number(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class ThresholdCurve:
    """One class, or all of them pooled, at each of `THRESHOLDS`.

    Attributes:
        precision: (T,) float64 in 0-1; NaN where no detection is left.
        recall: (T,) float64 in 0-1, which falls with the threshold.
        f1: (T,) float64 in 0-1.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    @property
    def best(self) -> OperatingPoint:
        """The point with the highest F1, at the lowest of equally good thresholds."""
        return self._point(int(self.f1.argmax()))

    def at(self, threshold: float) -> OperatingPoint:
        """The point at the nearest of `THRESHOLDS` to a threshold in 0-1."""
        return self._point(int(np.abs(THRESHOLDS - threshold).argmin()))

    def _point(self, index: int) -> OperatingPoint:
        return OperatingPoint(
            threshold=float(THRESHOLDS[index]),
            precision=float(self.precision[index]),
            recall=float(self.recall[index]),
            f1=float(self.f1[index]),
        )


@dataclass(frozen=True)
class ThresholdCurves:
    """All classes pooled, every object counting alike, and each on its own.

    Attributes:
        pooled: the curve over all detections and objects.
        classes: the C curves of the classes; None for a class without objects.
    """

    pooled: ThresholdCurve
    classes: tuple[ThresholdCurve | None, ...]

    def to_json(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Plain JSON values: the pooled curve in steps of 0.01, and each class's best threshold."""
        return {
            "best": self.pooled.best.to_json(),
            "best_per_class": {
                name: curve.best.to_json()
                for name, curve in zip(names, self.classes, strict=True)
                if curve is not None
            },
            "thresholds": plain_list(THRESHOLDS[::10]),
            "precision": plain_list(self.pooled.precision[::10]),
            "recall": plain_list(self.pooled.recall[::10]),
            "f1": plain_list(self.pooled.f1[::10]),
        }


def threshold_curves(detections: Detections, scores: SplitScores) -> ThresholdCurves:
    """Precision, recall and F1 of a split's detections at each of `THRESHOLDS`."""
    verdicts, _ = scores.verdicts()
    true, false = verdicts == Verdict.TRUE, verdicts == Verdict.FALSE
    objects = scores.voc.positives

    def curve(selected: np.ndarray, positives: int) -> ThresholdCurve:
        hits = _counts(detections.scores[selected & true])
        kept = hits + _counts(detections.scores[selected & false])
        return ThresholdCurve(
            precision=_ratio(hits, kept, np.nan),
            recall=_ratio(hits, np.full(len(hits), positives), 0.0),
            f1=_ratio(2 * hits, kept + positives, 0.0),
        )

    return ThresholdCurves(
        pooled=curve(np.ones(len(detections), dtype=bool), int(objects.sum())),
        classes=tuple(
            curve(detections.labels == label, int(positives)) if positives else None
            for label, positives in enumerate(objects)
        ),
    )


def plot_f1(curves: ThresholdCurves) -> Figure:
    """Precision, recall and F1 of all classes pooled, with the best F1 marked."""
    best = curves.pooled.best
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    for values, name, color, style in (
        (curves.pooled.precision, "precision", COLORS[0], "--"),
        (curves.pooled.recall, "recall", COLORS[1], ":"),
        (curves.pooled.f1, "F1", COLORS[6], "-"),
    ):
        axes.plot(THRESHOLDS, values, style, color=color, label=name, linewidth=2)
    axes.axvline(best.threshold, color=GREY, linewidth=1)
    axes.plot(best.threshold, best.f1, "o", color=COLORS[6], markersize=7)
    precision = "none" if math.isnan(best.precision) else f"{best.precision:.3f}"
    axes.set_title(
        f"all classes pooled: best F1 {best.f1:.3f} at score "
        f"{best.threshold:.3f}, where precision is {precision}, recall {best.recall:.3f}",
        fontsize="medium",
    )
    axes.set(xlabel="score threshold", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    _legend_below(axes)
    return figure


def plot_f1_per_class(curves: ThresholdCurves, classes: tuple[str, ...]) -> Figure:
    """F1 of each class at the pooled curve's best threshold and at its own, which is named.

    Args:
        curves: the pooled curve and those of the classes.
        classes: the class names, in the order of the labels.
    """
    pooled = curves.pooled.best.threshold
    own = {
        name: (curve.best, curve.at(pooled))
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
    at_pooled = f"at score {pooled:.3f}"
    axes.plot(shared, places, "|", color=GREY, markersize=11, markeredgewidth=2, label=at_pooled)
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


def thresholds_section(curves: ThresholdCurves, classes: tuple[str, ...]) -> Section:
    """The pooled curves as a part of a report; the numbers hold the best thresholds too."""
    return Section(
        "Choosing a score threshold",
        "Precision, recall and F1, their harmonic mean, of all classes together if only "
        "detections from this score on are kept. The best F1 is marked; the parts below that need "
        "one threshold use it.",
        {"f1": to_png(plot_f1(curves))},
        numbers=curves.to_json(classes),
    )


def class_thresholds_section(curves: ThresholdCurves, classes: tuple[str, ...]) -> Section:
    """The best threshold of each class as a part of a report."""
    figure = plot_f1_per_class(curves, classes)
    return Section("The best threshold of each class", figures={"f1_per_class": to_png(figure)})


def _counts(scores: np.ndarray) -> np.ndarray:
    """(T,) int64: how many scores reach each threshold, compared in the scores' own precision."""
    return len(scores) - np.searchsorted(np.sort(scores), THRESHOLDS.astype(scores.dtype))


def _ratio(part: np.ndarray, whole: np.ndarray, otherwise: float) -> np.ndarray:
    """`part` divided by `whole`, and `otherwise` where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(part), otherwise), where=whole > 0)


def _legend_below(axes: Axes) -> None:
    """Place the legend below the label of the x axis, where it hides no curve."""
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=3.5, ncols=3, frameon=False
    )
