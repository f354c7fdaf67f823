"""The report of several runs side by side."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.report.bootstrap import Run
from yolox_ela.report.comparison import Comparison, compare
from yolox_ela.report.curves import curves_section
from yolox_ela.report.drawing import draw_comparison
from yolox_ela.report.page import Section, Table, write_report
from yolox_ela.report.style import to_png

LABELS = dict(zip(METRICS, ("AP50 07", "AP50", "AP50:95"), strict=True))


@dataclass(frozen=True)
class ScoredRun:
    """One run of a comparison.

    Args:
        label: what it is called in curves.
        side: what it is a seed of; runs of one side are pooled.
        evaluation: of its weights.
        history: rows of metrics.csv; none for weights from elsewhere.
    """

    label: str
    side: str
    evaluation: SavedEvaluation
    history: Sequence[Mapping[str, Any]] = ()


def write_comparison_report(folder: Path, runs: Sequence[ScoredRun]) -> Path:
    """Write report.html with the runs side by side, each side compared with the first.

    Raises:
        UserError: the runs were scored on different images or by other settings, or the folder
            cannot be written.
    """
    runs = _in_one_class_order(runs)
    _require_comparable(runs)
    split = runs[0].evaluation.split
    sides: dict[str, list[Run]] = {}
    for run in runs:
        detections = run.evaluation.detections
        sides.setdefault(run.side, []).append((detections, score_split(detections, split)))
    sections = [_summary_section(runs)]
    histories = {run.label: run.history for run in runs if run.history}
    if histories:
        sections.append(curves_section(histories))
    first, *others = sides
    for other in others:
        comparison = compare((first, other), sides[first], sides[other], split)
        sections.append(_comparison_section(comparison, str(len(sections))))
    settings = runs[0].evaluation.results["settings"]
    facts = {
        "runs": ", ".join(run.label for run in runs),
        "images": len(split),
        "input": f"{settings['image_size']} px",
        "score threshold": settings["score_threshold"],
        "NMS IoU": settings["nms_iou"],
    }
    return write_report(folder, f"{' and '.join(sides)} compared", facts, sections)


def _in_one_class_order(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """The runs with their labels counted as the first one counts its classes, by name."""
    classes = runs[0].evaluation.split.classes
    return [replace(run, evaluation=run.evaluation.in_class_order(classes)) for run in runs]


def _require_comparable(runs: Sequence[ScoredRun]) -> None:
    first = runs[0]
    for run in runs:
        if run.evaluation.results["ap50"] is None:
            raise UserError(
                f"{run.label} has no scores to compare: evaluation counts no object of its test set"
            )
    for run in runs[1:]:
        mine, other = first.evaluation, run.evaluation
        if not mine.split.has_same_data(other.split):
            raise UserError(
                f"{first.label} and {run.label} were scored on different images or objects; "
                "evaluate both on the same with eval.py --report"
            )
        for name in ("image_size", "score_threshold", "nms_iou"):
            one, two = mine.results["settings"][name], other.results["settings"][name]
            if one != two:
                raise UserError(
                    f"{first.label} was evaluated with {name} {one}, {run.label} with {two}; "
                    "evaluate both alike with eval.py --report"
                )
    for one, two in itertools.combinations(runs, 2):
        if one.label == two.label:
            raise UserError(f"{one.label} is named twice")


def _summary_section(runs: Sequence[ScoredRun]) -> Section:
    rows: list[list[str | float | None]] = []
    for side in dict.fromkeys(run.side for run in runs):
        results = [run.evaluation.results for run in runs if run.side == side]
        row: list[str | float | None] = [side, len(results)]
        for metric in METRICS:
            values = [100 * result[metric] for result in results]
            row.append(statistics.mean(values))
            row.append(statistics.stdev(values) if len(values) > 1 else None)
        rows.append(row)
    columns = ["side", "runs", *itertools.chain(*((label, "sd") for label in LABELS.values()))]
    return Section(
        "Scores",
        "Means over the runs of a side and their standard deviation, in percent. With one run "
        "there is none, and nothing is known of how much a seed matters.",
        table=Table(columns, rows),
        numbers={run.label: run.evaluation.results for run in runs},
    )


def _comparison_section(comparison: Comparison, number: str) -> Section:
    first, second = comparison.names
    rows = [
        [
            LABELS[metric],
            *(100 * value for value in (d.first, d.second, d.value, d.low, d.high)),
            "no" if d.low <= 0 <= d.high else "yes",
        ]
        for metric, d in comparison.differences.items()
    ]
    figures = {
        f"{name}_{number}": to_png(figure) for name, figure in draw_comparison(comparison).items()
    }
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
        Table(columns, rows),
        numbers=comparison.to_json(),
    )
