"""Learning curves of one or several runs, from the rows of metrics.csv."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from yolox_ela.errors import UserError
from yolox_ela.evaluate.scores import METRIC_TITLES
from yolox_ela.report.page import PageTable, Section
from yolox_ela.report.style import COLORS, GREY, legend_label, new_figure, to_png
from yolox_ela.schema import FINITE, Kind, listed, record, require
from yolox_ela.system.files import read_text, write_atomically

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Panels:
    """A panel for each of these columns that a run has, in this order.

    Attributes:
        scores: titles of scores, which are in 0-1 and plotted in percent.
        losses: titles of the losses.
        headline: the score that the legend gives the best value of, and its short name.
    """

    scores: Mapping[str, str]
    losses: Mapping[str, str]
    headline: tuple[str, str]

    @property
    def titles(self) -> dict[str, str]:
        """The titles of all panels."""
        scores = {name: f"{title}, in percent" for name, title in self.scores.items()}
        return {**scores, **self.losses, "lr": "learning rate, end of epoch"}


DETECTION_PANELS = Panels(
    METRIC_TITLES,
    {
        "loss": "training loss, sum of its parts",
        "iou": "box loss (IoU)",
        "objectness": "objectness loss",
        "class": "class loss",
        "l1": "box loss (L1), final epochs",
    },
    ("ap50_voc07", "AP50 (VOC07)"),
)
RAW = "raw_"  # starts the names of metrics of the weights as trained, not of their average
EPOCH = Kind("a whole number from 0", lambda v: 0 <= v <= 10**9 and v.is_integer())
HISTORY = listed(record({"epoch": EPOCH}, others=FINITE, words="an epoch's numbers by name"))
MARKERS = (".", "^", "s", "x")  # the next one is used when all colours are
PANELS_A_ROW = 3
TICKS = 5  # intervals between the numbers of an axis, at most; drawing each takes a millisecond
MARKS = 12  # largest number on a line; more would hide it


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of a run's metrics.csv, without the cells that are empty.

    Raises:
        UserError: there is no such file, or it is something else.
    """
    try:
        lines = io.StringIO(read_text(path), newline="")
        table = [
            {name: float(cell) for name, cell in row.items() if cell}
            for row in csv.DictReader(lines)
        ]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; name a run's folder") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(
            f"{path} is not the metrics.csv of a run: {error}; delete it for a report without "
            "curves"
        ) from error
    if not table:
        raise UserError(f"{path} is not the metrics.csv of a run: it lists no epochs")
    require(table, HISTORY, path, "delete the file for a report without curves")
    return table


def plot_curves(runs: Mapping[str, Rows], wanted: Panels = DETECTION_PANELS) -> Figure:
    """A panel for each loss part, score and the learning rate, over epochs.

    A run has one colour in all panels. Solid lines are the averaged (EMA) weights, dashed ones the
    weights as trained, where the run evaluated these too (columns `raw_ap50_voc07` ...).

    Args:
        runs: for each run's name its rows as in metrics.csv; a row has only the values that its
            epoch has.
        wanted: the panels.

    Raises:
        ValueError: no run has anything to plot.
    """
    panels = [
        name
        for name in wanted.titles
        if any(_points(rows, key) for rows in runs.values() for key in (name, RAW + name))
    ]
    if not panels:
        raise ValueError("no run has a row with a loss, an AP or a learning rate")
    lines = -(-len(panels) // PANELS_A_ROW)
    heights = [2.3] * lines
    if panels[0] in wanted.scores:
        heights[0] = 3.2  # runs end close to each other
    handles = _legend(runs, wanted)
    columns = 1 if len(handles) < 4 else 2
    legend = 0.2 * -(-len(handles) // columns) + 0.1
    figure = new_figure(0.4 + sum(heights) + legend, layout=None)
    grid = _grid(figure, heights, legend)
    for name, axes in zip(panels, grid, strict=False):
        _plot_panel(axes, name, runs, wanted)
    for axes in grid[max(0, len(panels) - PANELS_A_ROW) : len(panels)]:
        axes.set_xlabel("epoch", fontsize=8)
    for axes in grid[len(panels) :]:
        axes.remove()
    figure.legend(handles=handles, loc="lower center", ncols=columns, frameon=False, fontsize=9)
    return figure


def save_curves(runs: Mapping[str, Rows], path: Path, panels: Panels = DETECTION_PANELS) -> None:
    """Write the picture of `plot_curves` as a PNG.

    Raises:
        UserError: the file cannot be written.
    """
    png = to_png(plot_curves(runs, panels), dpi=110)
    write_atomically(path, lambda temporary: temporary.write_bytes(png))


def curves_section(runs: Mapping[str, Rows]) -> Section:
    """The curves of one or several runs as a part of a report; see `plot_curves`."""
    text = "The losses are means over an epoch."
    if any(RAW + key in row for rows in runs.values() for row in rows for key in METRIC_TITLES):
        text += " APs: solid lines are the averaged (EMA) weights, dashed ones the raw weights."
    else:
        text += " The APs are those of the averaged (EMA) weights."
    table = PageTable(
        ["run", "epochs", "best AP50 (VOC07)", "at epoch", "last AP50 (VOC07)", "last AP50:95"],
        [
            [*summary_row(name, rows, "ap50_voc07"), _last(rows, "ap50_95")]
            for name, rows in runs.items()
        ],
    )
    figures = {"curves": to_png(plot_curves(runs))}
    return Section("Learning curves", text, figures, table, {"runs": runs})


def _grid(figure: Figure, heights: Sequence[float], legend: float) -> list[Axes]:
    """Rows of panels above the legend, all in inches.

    matplotlib's own layout takes as long as it takes to render the figure.
    """
    width, height = figure.get_size_inches()
    mean = sum(heights) / len(heights)
    return list(
        figure.subplots(
            len(heights),
            PANELS_A_ROW,
            squeeze=False,
            height_ratios=heights,
            gridspec_kw={
                "left": 0.55 / width,
                "right": 1 - 0.15 / width,
                "top": 1 - 0.3 / height,
                "bottom": (0.5 + legend) / height,
                "wspace": 0.2,
                "hspace": 0.5 / (mean - 0.5),
            },
        ).flat
    )


def _plot_panel(axes: Axes, name: str, runs: Mapping[str, Rows], wanted: Panels) -> None:
    factor = 100 if name in wanted.scores else 1
    for style, rows in zip(_styles(len(runs)), runs.values(), strict=True):
        for key, dashes in ((name, "-"), (RAW + name, "--")):
            if points := _points(rows, key):
                epochs, values = zip(*points, strict=True)
                scaled = [factor * value for value in values]
                every = -(-len(points) // MARKS)
                axes.plot(epochs, scaled, linestyle=dashes, markevery=every, **style)
    axes.set_title(wanted.titles[name], fontsize=9, y=1)  # at a place that is not searched for
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(TICKS))
    axes.ticklabel_format(axis="y", scilimits=(-3, 5))  # a rate's zeros would reach another panel
    axes.yaxis.get_offset_text().set_fontsize(8)
    # All panels over the same epochs, also those that start late.
    last = max(row["epoch"] for rows in runs.values() for row in rows)
    axes.set_xlim(-0.03 * last, 1.03 * last)


def _points(rows: Rows, key: str) -> list[tuple[float, float]]:
    """Epoch and value where there is one; the L1 loss is 0 while it is switched off."""
    return [(row["epoch"], row[key]) for row in rows if key in row and (key != "l1" or row[key])]


def _styles(count: int) -> list[dict[str, Any]]:
    """Colour and marker of each run."""
    return [
        {
            "color": COLORS[i % len(COLORS)],
            "marker": MARKERS[i // len(COLORS) % len(MARKERS)],
            "markersize": 4,
            "linewidth": 1.2,
        }
        for i in range(count)
    ]


def _legend(runs: Mapping[str, Rows], wanted: Panels) -> list[Line2D]:
    handles = []
    column, short = wanted.headline
    for style, (name, rows) in zip(_styles(len(runs)), runs.items(), strict=True):
        best = max(_points(rows, column), key=lambda point: point[1], default=None)
        score = f": best {100 * best[1]:.2f} {short}, epoch {best[0]:.0f}" if best else ""
        handles.append(Line2D([], [], label=legend_label(name) + score, **style))
    if any(_points(rows, RAW + key) for rows in runs.values() for key in wanted.scores):
        handles.append(Line2D([], [], color=GREY, linestyle="-", label="averaged (EMA) weights"))
        handles.append(Line2D([], [], color=GREY, linestyle="--", label="raw weights"))
    return handles


def summary_row(name: str, rows: Rows, column: str) -> list[str | float | None]:
    """A run, its epochs, its best score in percent, the epoch of that, and its last score."""
    scored = _points(rows, column)
    best_epoch, best = max(scored, key=lambda point: point[1], default=(None, None))
    return [
        name,
        int(max(row["epoch"] for row in rows)),
        None if best is None else 100 * best,
        None if best_epoch is None else int(best_epoch),
        _last(rows, column),
    ]


def _last(rows: Rows, column: str) -> float | None:
    """The last value of a score in percent."""
    scored = _points(rows, column)
    return 100 * scored[-1][1] if scored else None
