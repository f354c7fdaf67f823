"""The report of a run that trained another network than YOLOX: scores, curves, confusions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yolox_ela.evaluate.results_file import SECONDS
from yolox_ela.report.curves import Panels, Rows, plot_curves, summary_row
from yolox_ela.report.page import PageTable, Section, write_report
from yolox_ela.report.style import new_figure, to_png
from yolox_ela.schema import AMOUNT, COUNT, SHARE, listed, mapped, optional, record
from yolox_ela.system.json_files import read_json

# The plots of a run, by what it trains.
PANELS = {
    "classification": Panels(
        {"top1": "top-1 accuracy", "top5": "top-5 accuracy"},
        {"loss": "training loss"},
        ("top1", "top-1"),
    ),
    "segmentation": Panels(
        {"miou": "mean IoU of the classes", "accuracy": "share of pixels of the right class"},
        {"loss": "training loss"},
        ("miou", "mean IoU"),
    ),
}
MOST_CLASSES = 40  # in a picture of confusions; more would be unreadable


def read_host_results(path: Path, panels: Panels) -> dict[str, Any]:
    """The results in the results.json of such a run.

    Args:
        path: the file.
        panels: has the names of the scores.

    Raises:
        UserError: the file is missing, damaged or something else.
    """
    scores = dict.fromkeys(panels.scores, optional(SHARE))
    needed = {"per_class": mapped(record({}, others=AMOUNT)), "images": COUNT, "seconds": SECONDS}
    kind = record({**scores, **needed}, optional={"confusion": listed(listed(COUNT))})
    return read_json(path, kind, "evaluate the run's best.pth with --report")


def write_host_report(
    folder: Path,
    title: str,
    facts: Mapping[str, Any],
    results: Mapping[str, Any],
    history: Rows,
    panels: Panels,
) -> Path:
    """Write report.html, the pictures and the numbers; see `write_report`.

    Args:
        folder: the run's folder.
        title: the page's title.
        facts: what the report is about.
        results: the last evaluation's.
        history: the rows of metrics.csv.
        panels: the plots over epochs.

    Raises:
        UserError: the folder cannot be written.
    """
    sections = [_scores(results, panels)]
    if history:
        sections.append(curves_section({title: history}, panels))
    if 1 < len(results.get("confusion", ())) <= MOST_CLASSES:
        sections.append(_confusions(results))
    facts = {**facts, "images": results["images"], "evaluation": f"{results['seconds']:.1f} s"}
    return write_report(folder, title, facts, sections)


def curves_section(runs: Mapping[str, Rows], panels: Panels) -> Section:
    """The curves of one or several runs of a task, and their best and last scores."""
    column, short = panels.headline
    table = PageTable(
        ["run", "epochs", f"best {short}", "at epoch", f"last {short}"],
        [summary_row(name, rows, column) for name, rows in runs.items()],
    )
    return Section(
        "Learning curves",
        "The losses are means over an epoch.",
        {"curves": to_png(plot_curves(runs, panels))},
        table,
        {"runs": runs},
    )


def _scores(results: Mapping[str, Any], panels: Panels) -> Section:
    per_class = results["per_class"]
    names = [name for name in panels.scores if any(name in row for row in per_class.values())]
    rows = [
        [label, *(100 * row[name] if name in row else None for name in names)]
        for label, row in per_class.items()
    ]
    every = ["all", *(None if results[name] is None else 100 * results[name] for name in names)]
    table = PageTable(["class", *(panels.scores[name] for name in names)], [*rows, every])
    whole = {name: results[name] for name in panels.scores}
    return Section("Scores in percent", table=table, numbers=whole)


def _confusions(results: Mapping[str, Any]) -> Section:
    counts = np.array(results["confusion"], float)
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    names = results.get("confusion_names", list(results["per_class"]))
    figure = new_figure(1.5 + 0.3 * len(counts))
    axes = figure.subplots()
    image = axes.imshow(100 * shares, vmin=0, vmax=100, cmap="Blues")
    if len(names) == len(counts):
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    figure.colorbar(image, label="percent of the true class", shrink=0.8)
    return Section(
        "Confusions", figures={"confusions": to_png(figure)}, numbers={"counts": counts.tolist()}
    )
