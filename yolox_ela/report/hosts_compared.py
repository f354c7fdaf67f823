"""The report of several runs of one of the paper's other tasks side by side."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from yolox_ela.errors import UserError
from yolox_ela.report.curves import Panels, Rows
from yolox_ela.report.hosts import curves_section
from yolox_ela.report.page import PageTable, Section, write_report
from yolox_ela.report.score_tables import side_scores_section
from yolox_ela.report.style import COLORS, new_figure, to_png
from yolox_ela.system.program import command_text


@dataclass(frozen=True)
class HostRun:
    """One run of a comparison.

    Attributes:
        label: the run's name.
        side: the side that it is a run of; the runs of one side are pooled, for instance seeds.
        results: its last evaluation's.
        history: the rows of its metrics.csv; none for weights that were only evaluated.
    """

    label: str
    side: str
    results: Mapping[str, Any]
    history: Rows


def write_host_comparison(folder: Path, runs: Sequence[HostRun], panels: Panels) -> Path:
    """Write report.html with the runs side by side; see `write_report`.

    Args:
        folder: where to write it.
        runs: two or more of one task.
        panels: the names of the task's scores and losses.

    Raises:
        UserError: a run has no scores, or the runs were scored on different images.
    """
    _require_comparable(runs, panels)
    sides: dict[str, dict[str, Mapping[str, Any]]] = {}
    for run in runs:
        sides.setdefault(run.side, {})[run.label] = run.results
    scores = side_scores_section(sides, panels.scores)
    pictures = {"scores": to_png(plot_scores(sides, panels.scores))}
    sections = [replace(scores, figures=pictures), _classes_section(sides, panels)]
    if histories := {run.label: run.history for run in runs if run.history}:
        sections.insert(1, curves_section(histories, panels))
    facts = {"runs": ", ".join(run.label for run in runs), "images": runs[0].results["images"]}
    return write_report(folder, f"{' and '.join(sides)} compared", facts, sections)


def plot_scores(
    sides: Mapping[str, Mapping[str, Mapping[str, Any]]], titles: Mapping[str, str]
) -> Figure:
    """A panel for each score with a point for each run, and a line at each side's mean.

    Args:
        sides: by side and by name of the run, the results.
        titles: the scores and what they are called.
    """
    figure = new_figure(1.4 + 0.4 * len(sides))
    for axes, (name, title) in zip(
        figure.subplots(1, len(titles), squeeze=False)[0], titles.items(), strict=True
    ):
        for place, runs in enumerate(sides.values()):
            values = [100 * results[name] for results in runs.values()]
            color = COLORS[place % len(COLORS)]
            axes.plot(values, [place] * len(values), "o", color=color)
            mean = statistics.mean(values)
            axes.vlines(mean, place - 0.3, place + 0.3, color=color)
            axes.annotate(f"{mean:.2f}", (mean, place - 0.32), ha="center", va="bottom", fontsize=8)
        axes.set_title(f"{title}, in percent", fontsize=9)
        axes.set_yticks(range(len(sides)), sides if axes is figure.axes[0] else [""] * len(sides))
        axes.set_ylim(len(sides) - 0.4, -0.7)
        axes.margins(x=0.15)
        axes.grid(axis="x", alpha=0.3)
    return figure


def _classes_section(
    sides: Mapping[str, Mapping[str, Mapping[str, Any]]], panels: Panels
) -> Section:
    """The headline of each class and side, and how much higher it is than on the first side."""
    column, short = panels.headline
    means: dict[str, list[float | None]] = {}
    every = [results["per_class"] for runs in sides.values() for results in runs.values()]
    for label in dict.fromkeys(name for per_class in every for name in per_class):
        row: list[float | None] = []
        for runs in sides.values():
            found = [r["per_class"][label] for r in runs.values() if label in r["per_class"]]
            row.append(statistics.mean(100 * one[column] for one in found) if found else None)
        means[label] = row
    first, *others = sides
    rows = [
        [label, *row, *(None if None in (row[0], v) else v - row[0] for v in row[1:])]  # type: ignore[operator]
        for label, row in means.items()
    ]
    columns = ["class", *sides, *(f"{other} minus {first}" for other in others)]
    text = f"{short} in percent, the mean over the runs of a side."
    return Section("Classes", text, table=PageTable(columns, rows), numbers={"means": means})


def _require_comparable(runs: Sequence[HostRun], panels: Panels) -> None:
    first = runs[0]
    for number, run in enumerate(runs):
        if run.label in (other.label for other in runs[:number]):
            raise UserError(f"{run.label} is named twice")
        if any(run.results[name] is None for name in panels.scores):
            raise UserError(f"{run.label} has no scores to compare: nothing was counted")
        if run.results.get("test_data") != first.results.get("test_data"):
            raise UserError(
                f"{first.label} and {run.label} were scored on different images or annotations; "
                f"evaluate both on the same with {command_text('eval')} --report"
            )
