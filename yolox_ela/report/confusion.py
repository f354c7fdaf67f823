"""Which class is taken for which.

Detections that reach a score threshold are matched with objects of any class: within an image,
the best score first, each detection takes the object that it overlaps most of those still free, if
their IoU exceeds a threshold (pixels counted as VOC does). A pair counts in the row of the object's
class and the column of the detection's. A detection without an object counts in the row
"background", an object without a detection in the column "background". A difficult object is never
used up and belongs to no row: detections of it, of whatever class, are left out, and missing it is
no miss.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict, match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import VOC_IOU, VOC_RULES
from yolox_ela.report.page import Section
from yolox_ela.report.style import new_figure, to_png

# VOC would call a detection of a taken object false; here it may have the next one.
CONFUSION_RULES = replace(VOC_RULES, best_object_only=False)

NUMBER_FROM = 0.05  # share of a row; smaller ones are shown by their colour alone
MOST_NUMBERED = 30  # with more classes there is no room for numbers


@dataclass(frozen=True)
class Confusion:
    """Counts of pairs of a true and a predicted class.

    Attributes:
        counts: (C + 1, C + 1) int64; rows are true classes, columns are predicted ones, and the
            last row and column are the background. A class's row sums to its objects that are not
            difficult, its column to its detections less those of difficult objects.
        threshold: the score threshold that detections reach.
        iou: the IoU that pairs exceed.
        ignored: the number of detections of difficult objects, which were left out.
    """

    counts: np.ndarray
    threshold: float
    iou: float
    ignored: int

    @property
    def shares(self) -> np.ndarray:
        """(C + 1, C + 1) the counts divided by the sum of their row; NaN in rows without counts."""
        sums = self.counts.sum(axis=1, keepdims=True)
        nothing = np.full(self.counts.shape, np.nan)
        return np.divide(self.counts, sums, out=nothing, where=sums > 0)

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """The matrix as plain JSON values."""
        return {
            "classes": [*classes, "background"],
            "counts": self.counts.tolist(),
            "threshold": self.threshold,
            "iou": self.iou,
            "ignored": self.ignored,
        }


def confusion_matrix(
    detections: Detections, split: VocSplit, threshold: float, iou: float = VOC_IOU
) -> Confusion:
    """Match detections with objects of any class and count the pairs; see the module.

    Args:
        detections: the split's detections, in any order.
        split: the images and objects.
        threshold: the lowest score of the detections that are kept.
        iou: the IoU that a pair must exceed, above 0 and at most 1.
    """
    background = len(split.classes)
    kept = np.flatnonzero(detections.scores >= threshold)
    labels = detections.labels[kept]
    of_one_class = Detections(
        detections.images[kept],
        detections.boxes[kept],
        detections.scores[kept],
        np.zeros_like(labels),
    )
    objects = Objects.of_split(split)
    objects = replace(objects, labels=np.zeros_like(objects.labels), classes=1)
    verdicts, found = match(of_one_class, objects, CONFUSION_RULES, [iou]).verdicts(0)

    counts = np.zeros((background + 1, background + 1), dtype=np.int64)
    true, false = verdicts == Verdict.TRUE, verdicts == Verdict.FALSE
    np.add.at(counts, (split.labels[found[true]], labels[true]), 1)
    np.add.at(counts, (background, labels[false]), 1)
    missed = ~split.difficult
    missed[found[true]] = False
    np.add.at(counts, (split.labels[missed], background), 1)
    return Confusion(counts, threshold, iou, int((verdicts == Verdict.IGNORED).sum()))


def plot_confusion(confusion: Confusion, classes: tuple[str, ...]) -> Figure:
    """The matrix as an image: the shares of each row in percent, the background last.

    Args:
        confusion: the counts.
        classes: the class names, in the order of the labels.
    """
    names = [*classes, "background"]
    shares = confusion.shares
    shares[-1, -1] = np.nan  # what is neither annotated nor detected cannot be counted
    numbered = len(classes) <= MOST_NUMBERED
    figure = new_figure(max(4.5, 1.8 + (0.36 if numbered else 0.14) * len(names)))
    axes = figure.add_subplot()
    colors = colormaps["cividis"].with_extremes(bad="0.85")
    # The square root spreads the small shares, which are of most interest.
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


def confusion_section(confusion: Confusion, classes: tuple[str, ...]) -> Section:
    """The confusion matrix as a part of a report."""
    return Section(
        "Confusion matrix",
        "Each row shows as which class the objects of one class were detected, in percent. The "
        "last column has the objects that were missed, the last row the detections where there is "
        "no object.",
        {"confusion": to_png(plot_confusion(confusion, classes))},
        numbers=confusion.to_json(classes),
    )
