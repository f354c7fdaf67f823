"""How well small, medium and large objects are found.

The bounds are COCO's, on the area of the annotated box in the original photograph (pixels counted
as VOC does); an object on a bound is in both ranges. VOC's rules at IoU 0.5 hold otherwise:
objects of other sizes are treated as difficult ones, and a detection of another size that finds
nothing is ignored.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import all_points, average_precision, mean_over_classes
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import VOC_IOU, VOC_RULES
from yolox_ela.report.page import Section, plain_number
from yolox_ela.report.style import COLORS, new_figure, to_png

SIZES = {
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, math.inf),
}


@dataclass(frozen=True)
class SizeScores:
    """Objects of one range of sizes.

    Attributes:
        name: the name of the range.
        area_range: the bounds of the area in square pixels, both included.
        objects: the number of objects that are not difficult.
        classes: the number of classes that have such objects.
        ap50: the mean over those classes of AP50 over all points, in 0-1; NaN without objects.
        recall: the share of the objects found at any score; NaN without objects.
        kept_recall: the share of the objects found at the score threshold.
    """

    name: str
    area_range: tuple[float, float]
    objects: int
    classes: int
    ap50: float
    recall: float
    kept_recall: float

    def to_json(self) -> dict[str, Any]:
        """The scores as plain JSON values; an open end of the range is None."""
        low, high = self.area_range
        return {
            "name": self.name,
            "area_range": [low, plain_number(high)],
            "objects": self.objects,
            "classes": self.classes,
            "ap50": plain_number(self.ap50),
            "recall": plain_number(self.recall),
            "kept_recall": plain_number(self.kept_recall),
        }


def score_by_size(
    detections: Detections, split: VocSplit, threshold: float
) -> tuple[SizeScores, ...]:
    """AP and recall for each of `SIZES`.

    Args:
        detections: the split's detections.
        split: the images and objects.
        threshold: the score threshold of `kept_recall`.
    """
    objects = Objects.of_split(split)
    results = []
    for name, area_range in SIZES.items():
        rules = replace(VOC_RULES, area_range=area_range)
        matches = match(detections, objects, rules, [VOC_IOU])
        found = matches.scores[matches.places[matches.true]]
        positives = int(matches.positives.sum())
        results.append(
            SizeScores(
                name=name,
                area_range=area_range,
                objects=positives,
                classes=int((matches.positives > 0).sum()),
                ap50=float(mean_over_classes(average_precision(matches, all_points)[0])),
                recall=len(found) / positives if positives else math.nan,
                kept_recall=int((found >= threshold).sum()) / positives if positives else math.nan,
            )
        )
    return tuple(results)


def plot_sizes(sizes: tuple[SizeScores, ...], threshold: float) -> Figure:
    """Three bars for each range of sizes.

    Args:
        sizes: the scores of each range.
        threshold: the score threshold of `kept_recall`.
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


def sizes_section(sizes: tuple[SizeScores, ...], threshold: float) -> Section:
    """The bars as a part of a report; the arguments are those of `plot_sizes`."""
    return Section(
        "Small, medium and large objects",
        "By COCO's bounds: areas of 32 x 32 and 96 x 96 pixels of the original photograph.",
        {"sizes": to_png(plot_sizes(sizes, threshold))},
        numbers=[size.to_json() for size in sizes],
    )


def _describe(size: SizeScores) -> str:
    low, high = (math.sqrt(area) for area in size.area_range)
    if math.isinf(high):
        extent = f"over {low:.0f}² pixels"
    elif low == 0:
        extent = f"up to {high:.0f}² pixels"
    else:
        extent = f"{low:.0f}² to {high:.0f}² pixels"
    return f"{size.name}, {extent}\n{size.objects} objects of {size.classes} classes"
