"""Two sides compared on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.scores import METRIC_HEADERS, METRIC_TITLES
from yolox_ela.report.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Difference,
    Run,
    bootstrap_differences,
)
from yolox_ela.report.page import PageTable, Section
from yolox_ela.report.style import COLORS, GREY, new_figure, to_png


@dataclass(frozen=True)
class Comparison:
    """How much higher the second side scores than the first.

    Attributes:
        names: the names of the two sides.
        seeds: the number of runs of each side.
        classes: the class names, in the order of the labels.
        images: the number of images that both sides were scored on.
        differences: the difference in each of `METRICS`, in their order.
    """

    names: tuple[str, str]
    seeds: tuple[int, int]
    classes: tuple[str, ...]
    images: int
    differences: dict[str, Difference]

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON values; AP in 0-1."""
        return {
            "names": list(self.names),
            "seeds": list(self.seeds),
            "images": self.images,
            "resamples": RESAMPLES,
            "confidence": CONFIDENCE,
            "differences": {
                metric: difference.to_json(self.classes)
                for metric, difference in self.differences.items()
            },
        }


def compare(
    names: tuple[str, str], first: Sequence[Run], second: Sequence[Run], split: VocSplit
) -> Comparison:
    """Compare two sides; about 5 s for each run on 1,500 images.

    Args:
        names: the names of the two sides.
        first: the detections and scores of one side, one pair for each of its seeds.
        second: the detections and scores of the other side.
        split: the images that all of them were scored on.

    Raises:
        ValueError: a side has no runs.
    """
    return Comparison(
        names=names,
        seeds=(len(first), len(second)),
        classes=split.classes,
        images=len(split),
        differences=bootstrap_differences(first, second, split),
    )


def plot_class_differences(comparison: Comparison, metric: str) -> Figure:
    """Bars of the difference of each class with its interval, the largest gain first.

    Args:
        comparison: the two sides and their differences.
        metric: one of `METRICS`.
    """
    difference = comparison.differences[metric]
    values = 100 * difference.class_values
    labels = np.flatnonzero(np.isfinite(values))
    labels = labels[np.argsort(-values[labels], kind="stable")]
    names = [comparison.classes[label] for label in labels] + ["mean of classes"]
    lows = 100 * np.append(difference.class_low[labels], difference.low)
    highs = 100 * np.append(difference.class_high[labels], difference.high)
    values = np.append(values[labels], 100 * difference.value)
    places = np.append(np.arange(len(labels)), len(labels) + 0.4)

    figure = new_figure(1.6 + 0.27 * len(names))
    axes = figure.add_subplot()
    colors = [COLORS[0] if value >= 0 else COLORS[1] for value in values]
    axes.barh(places, values, 0.65, color=colors)
    axes.hlines(places, lows, highs, color="black", linewidth=1.4)
    for ends in (lows, highs):
        axes.plot(ends, places, "|", color="black", markersize=7)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.axhline(len(labels) - 0.3, color="0.8", linewidth=1)
    axes.set_yticks(places, names)
    axes.set_ylim(places[-1] + 0.7, -0.7)
    for place, value in zip(places, values, strict=True):
        axes.text(
            1.06,
            place,
            _signed(value, 1),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
        )
    axes.set_xlabel(
        f"difference in percentage points; black: {100 * CONFIDENCE:.0f} % confidence over "
        + _resampled(comparison)
    )
    axes.set_title(f"{METRIC_TITLES[metric]}: {_sides(comparison)}", fontsize="medium")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def plot_bootstrap(comparison: Comparison) -> Figure:
    """Histograms of the mean difference over the resamples, one panel for each metric."""
    figure = new_figure(3.8)
    panels = figure.subplots(1, len(comparison.differences), gridspec_kw={"wspace": 0.06})
    for axes, (metric, difference) in zip(panels, comparison.differences.items(), strict=True):
        samples = 100 * difference.samples[np.isfinite(difference.samples)]
        value, low, high = (100 * x for x in (difference.value, difference.low, difference.high))
        _, edges, bars = axes.hist(samples, bins=40, color=COLORS[5])
        for middle, bar in zip((edges[1:] + edges[:-1]) / 2, bars, strict=True):
            bar.set_alpha(1 if low <= middle <= high else 0.35)
        axes.axvline(value, color="black", linewidth=2)
        axes.axvline(0, color=GREY, linewidth=1.2, linestyle="--")
        axes.set_title(
            f"{METRIC_TITLES[metric]}\n"
            f"{_signed(value, 2)}  [{_signed(low, 2)}, {_signed(high, 2)}]",
            fontsize="medium",
        )
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle(f"{_sides(comparison)}, mean of classes", fontsize="medium")
    figure.supxlabel(
        f"difference in percentage points over {len(difference.samples)} resamples of "
        f"{_resampled(comparison)}; black line: as measured, strong blue: {100 * CONFIDENCE:.0f} % "
        "confidence",
        fontsize="medium",
    )
    return figure


def comparison_section(comparison: Comparison, number: str) -> Section:
    """The comparison as a part of a report.

    Args:
        comparison: the two sides and their differences.
        number: ends the file names of the pictures, since a report may hold several comparisons.
    """
    first, second = comparison.names
    rows = [
        [
            METRIC_HEADERS[metric],
            *(100 * value for value in (d.first, d.second, d.value, d.low, d.high)),
            "no" if d.low <= 0 <= d.high else "yes",
        ]
        for metric, d in comparison.differences.items()
    ]
    figures = {f"bootstrap_{number}": to_png(plot_bootstrap(comparison))}
    for metric in comparison.differences:
        figure = plot_class_differences(comparison, metric)
        figures[f"differences_{metric}_{number}"] = to_png(figure)
    seeds = " and ".join(map(str, comparison.seeds))
    text = (
        f"How much higher {second} scores than {first}, with 95% confidence intervals from a "
        f"bootstrap over the {comparison.images} test images, over {seeds} runs. An interval says "
        "what other test images could change"
        + (
            "; with one run a side it says nothing about other seeds, which may matter more."
            if max(comparison.seeds) == 1
            else " and, as far as so few runs can tell, other seeds."
        )
    )
    columns = ["", first, second, "difference", "from", "to", "beyond chance"]
    return Section(
        f"{second} against {first}",
        text,
        figures,
        PageTable(columns, rows),
        numbers=comparison.to_json(),
    )


def _sides(comparison: Comparison) -> str:
    first, second = (
        name + (f" ({seeds} seeds)" if seeds > 1 else "")
        for name, seeds in zip(comparison.names, comparison.seeds, strict=True)
    )
    return f"{second} minus {first}"


def _resampled(comparison: Comparison) -> str:
    return "images and seeds" if max(comparison.seeds) > 1 else "images"


def _signed(value: float, decimals: int) -> str:
    return f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")
