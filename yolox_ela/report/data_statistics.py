"""What is in the sets of a data set: its numbers, its tables and its picture.

A box is as wide as the difference of its edges, as its reader reads them. The bounds of small and
large are COCO's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from tabulate import tabulate

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.report.page import plain_number
from yolox_ela.report.sizes import SIZES
from yolox_ela.report.style import COLORS, GREY, legend_label, new_figure

QUANTILES = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "most": 1.0}
MOST_OBJECTS = 15  # in an image, that the picture tells apart
_AS_WRITTEN = FuncFormatter(lambda value, _: f"{value:g}")  # instead of powers of ten


@dataclass(frozen=True)
class SetStatistics:
    """What is in one set; boxes of regions of many objects (crowds) are counted only.

    Attributes:
        name: the set's name.
        classes: the class names.
        sizes: (I, 2) width and height of each image in pixels.
        images: (M,) the image of each object.
        labels: (M,) its class.
        sides: (M, 2) its width and height in pixels.
        difficult: how many of them are marked as difficult.
        crowds: number of regions of many objects, none of which is among the objects.
    """

    name: str
    classes: tuple[str, ...]
    sizes: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    sides: np.ndarray
    difficult: int
    crowds: int

    @property
    def per_image(self) -> np.ndarray:
        """(I,) number of objects of each image."""
        return np.bincount(self.images, minlength=len(self.sizes))

    @property
    def per_class(self) -> np.ndarray:
        """(C,) number of objects of each class."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @property
    def images_per_class(self) -> np.ndarray:
        """(C,) number of images with an object of each class."""
        pairs = np.unique(np.stack([self.labels, self.images]), axis=1)
        return np.bincount(pairs[0], minlength=len(self.classes))

    @property
    def size(self) -> np.ndarray:
        """(M,) square root of each object's area in pixels."""
        return np.sqrt(self.sides.prod(axis=1))

    @property
    def aspect(self) -> np.ndarray:
        """(M,) width by height of each object."""
        return self.sides[:, 0] / self.sides[:, 1]

    def by_size(self) -> dict[str, int]:
        """How many objects are small, medium and large."""
        areas = self.sides.prod(axis=1)
        return {
            name: int(((areas >= low) & (areas < high)).sum())
            for name, (low, high) in SIZES.items()
        }

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        rows = zip(self.classes, self.per_class, self.images_per_class, strict=True)
        return {
            "name": self.name,
            "images": len(self.sizes),
            "images_without_objects": int((self.per_image == 0).sum()),
            "objects": len(self.labels),
            "difficult": self.difficult,
            "crowds": self.crowds,
            "objects_by_size": self.by_size(),
            "objects_per_image": _quantiles(self.per_image),
            "square_root_of_area": _quantiles(self.size),
            "width_by_height": _quantiles(self.aspect),
            "image_width": _quantiles(self.sizes[:, 0]),
            "image_height": _quantiles(self.sizes[:, 1]),
            "per_class": {
                name: {"objects": int(objects), "images": int(images)}
                for name, objects, images in rows
            },
        }


def set_statistics(
    name: str, images: Sequence[CheckedImage], classes: Sequence[str]
) -> SetStatistics:
    """Count one set.

    Args:
        name: the set's name.
        images: as its reader gives them; at least one.
        classes: the class names that labels index.
    """
    boxes = np.concatenate([image.boxes[~image.crowd] for image in images])
    counts = [int((~image.crowd).sum()) for image in images]
    return SetStatistics(
        name,
        tuple(classes),
        np.array([image.size for image in images]),
        np.repeat(np.arange(len(images)), counts),
        np.concatenate([image.labels[~image.crowd] for image in images]),
        boxes[:, 2:] - boxes[:, :2],
        sum(int(image.difficult.sum()) for image in images),
        sum(int(image.crowd.sum()) for image in images),
    )


def statistics_text(sets: Sequence[SetStatistics]) -> str:
    """Two tables for the screen: the sets, and their objects by class."""
    facts = [of_set.to_json() for of_set in sets]
    rows: list[list[Any]] = [
        ["images", *(f["images"] for f in facts)],
        ["images without objects", *(f["images_without_objects"] for f in facts)],
        ["objects", *(f["objects"] for f in facts)],
        ["difficult objects", *(f["difficult"] for f in facts)],
        ["crowd regions", *(f["crowds"] for f in facts)],
        *(
            [f"{name} objects", *(_with_share(f["objects_by_size"][name], f) for f in facts)]
            for name in SIZES
        ),
        ["objects per image, median (most)", *(_median(f["objects_per_image"]) for f in facts)],
        ["root of area in pixels, median (most)",
         *(_median(f["square_root_of_area"]) for f in facts)],
        ["width by height, least to most", *(_extent(f["width_by_height"]) for f in facts)],
        ["image width, least to most", *(_extent(f["image_width"]) for f in facts)],
        ["image height, least to most", *(_extent(f["image_height"]) for f in facts)],
    ]  # fmt: skip
    names = [of_set.name for of_set in sets]
    align = ("left", *["right"] * len(names))
    text = tabulate(rows, ["", *names], disable_numparse=True, colalign=align)
    classes = [
        [_plain(name), *(_of_class(f["per_class"][name]) for f in facts)]
        for name in facts[0]["per_class"]
    ]
    heads = ["class: objects (images)", *names]
    return f"{text}\n\n{tabulate(classes, heads, disable_numparse=True, colalign=align)}"


def plot_statistics(sets: Sequence[SetStatistics]) -> Figure:
    """Objects per class and per image, their sizes and aspect ratios, and the images' sizes."""
    classes = sets[0].classes
    rows = max(len(classes), 3) if len(classes) <= 40 else -(-len(classes) // 2)
    bars = 1.0 + rows * (0.12 + 0.11 * len(sets))
    figure = new_figure(bars + 6.4)
    parts: Any = figure.subfigures(2, 1, height_ratios=(bars, 6.4))
    upper, lower = parts
    columns = upper.subplots(1, 1 if len(classes) <= 40 else 2, squeeze=False)[0]
    _plot_classes(columns, sets)
    ((objects, sizes), (aspects, images)) = lower.subplots(2, 2)
    _plot_per_image(objects, sets)
    _plot_shares(sizes, {s.name: s.size for s in sets}, "square root of an object's area, pixels")
    for low, _ in list(SIZES.values())[1:]:
        sizes.axvline(math.sqrt(low), color=GREY, linestyle=":", linewidth=1)
    sizes.set_title("sizes; dotted: COCO's bounds of small and large", fontsize="medium")
    _plot_shares(aspects, {s.name: s.aspect for s in sets}, "width by height of an object")
    aspects.set_title("aspect ratios", fontsize="medium")
    for color, of_set in zip(_colors(sets), sets, strict=True):
        images.scatter(*of_set.sizes.T, s=8, alpha=0.3, color=color, linewidths=0)
    widest, highest = 1.05 * np.concatenate([of_set.sizes for of_set in sets]).max(axis=0)
    images.set(xlabel="width of an image, pixels", ylabel="height in pixels")
    images.set(xlim=(0, widest), ylim=(0, highest))
    images.set_title("image sizes", fontsize="medium")
    for axes in (*columns, objects, sizes, aspects, images):
        axes.spines[["top", "right"]].set_visible(False)
    handles = columns[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=min(len(sets), 4), frameon=False)
    return figure


def _plot_classes(columns: Sequence[Axes], sets: Sequence[SetStatistics]) -> None:
    """Bars of the objects of each class, the first class on top; in two columns if there are many.

    The axis is logarithmic where the counts lie far apart.
    """
    classes = sets[0].classes
    most = max(int(of_set.per_class.max(initial=0)) for of_set in sets)
    counts = np.concatenate([of_set.per_class for of_set in sets])
    far_apart = most > 50 * max(float(np.median(counts[counts > 0])) if most else 1, 1)
    height = 0.8 / len(sets)
    for part, axes in zip(np.array_split(np.arange(len(classes)), len(columns)), columns,
                          strict=True):  # fmt: skip
        places = np.arange(len(part))
        for at, (color, of_set) in enumerate(zip(_colors(sets), sets, strict=True)):
            values = of_set.per_class[part]
            bars = axes.barh(places + (at - (len(sets) - 1) / 2) * height, values, height * 0.9)
            for bar in bars:
                bar.set_color(color)
            bars.set_label(legend_label(_set_label(of_set)))
            axes.bar_label(bars, [str(value) for value in values], padding=2, fontsize=7)
        axes.set_yticks(places, [classes[label] for label in part], fontsize=8)
        axes.set(ylim=(len(part) - 0.4, -0.6), xlabel="objects")
        if far_apart:
            axes.set_xscale("symlog", linthresh=1)
            axes.xaxis.set_major_formatter(_AS_WRITTEN)
        axes.set_xlim(0, most * (3 if far_apart else 1.12) or 1)


def _plot_per_image(axes: Axes, sets: Sequence[SetStatistics]) -> None:
    """Shares of the images with 0, 1, 2 ... objects."""
    most = min(max(int(of_set.per_image.max()) for of_set in sets), MOST_OBJECTS)
    places, width = np.arange(most + 1), 0.8 / len(sets)
    for at, (color, of_set) in enumerate(zip(_colors(sets), sets, strict=True)):
        counts = np.bincount(of_set.per_image.clip(max=most), minlength=most + 1)
        shares = 100 * counts / len(of_set.sizes)
        axes.bar(places + (at - (len(sets) - 1) / 2) * width, shares, width * 0.9, color=color)
    over = any(int(of_set.per_image.max()) > most for of_set in sets)
    axes.set_xticks(places, [*map(str, places[:-1]), f"{most}+" if over else str(most)])
    axes.set(xlabel="objects in an image", ylabel="% of images")
    without = ", ".join(str(int((of_set.per_image == 0).sum())) for of_set in sets)
    axes.set_title(f"objects per image; images without: {without}", fontsize="medium")


def _plot_shares(axes: Axes, values: Mapping[str, np.ndarray], label: str) -> None:
    """Outlines of histograms over a logarithmic axis."""
    everything = np.concatenate(list(values.values()))
    axes.set(xlabel=label, ylabel="% of objects", xscale="log")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(_AS_WRITTEN)
    if not len(everything):
        axes.text(0.5, 0.5, "no objects", ha="center", transform=axes.transAxes, color=GREY)
        return
    low, high = float(everything.min()), float(everything.max())
    edges = np.geomspace(low * 0.99, high * 1.01, 31)
    for color, of_set in zip(_colors(list(values)), values.values(), strict=True):
        counts, _ = np.histogram(of_set, edges)
        axes.stairs(100 * counts / max(len(of_set), 1), edges, color=color, linewidth=1.6)


def _colors(sets: Sequence[object]) -> list[str]:
    return [COLORS[at % len(COLORS)] for at in range(len(sets))]


def _set_label(of_set: SetStatistics) -> str:
    return f"{of_set.name}: {len(of_set.sizes)} images, {len(of_set.labels)} objects"


def _quantiles(values: np.ndarray) -> dict[str, float | None]:
    """The values at `QUANTILES`; None where there are none."""
    found = np.quantile(values, list(QUANTILES.values())) if len(values) else [math.nan] * 5
    return {
        name: plain_number(round(float(value), 4))
        for name, value in zip(QUANTILES, found, strict=True)
    }


def _with_share(count: int, facts: Mapping[str, Any]) -> str:
    return f"{count} ({count / max(facts['objects'], 1):.0%})"


def _median(values: Mapping[str, float | None]) -> str:
    if values["median"] is None:
        return "-"
    return f"{values['median']:.4g} ({values['most']:.4g})"


def _extent(values: Mapping[str, float | None]) -> str:
    return "-" if values["least"] is None else f"{values['least']:.3g} to {values['most']:.4g}"


def _of_class(counts: Mapping[str, int]) -> str:
    return f"{counts['objects']} ({counts['images']})"


def _plain(name: str) -> str:
    """A class name in one line."""
    return " ".join(name.split())
