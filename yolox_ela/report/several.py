"""The report of several runs side by side."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.evaluate.scores import score_split
from yolox_ela.input_size import InputSize
from yolox_ela.report.bootstrap import Run
from yolox_ela.report.comparison import compare, comparison_section
from yolox_ela.report.curves import curves_section
from yolox_ela.report.page import write_report
from yolox_ela.report.score_tables import side_scores_section
from yolox_ela.system.program import command_text


@dataclass(frozen=True)
class ScoredRun:
    """One run of a comparison.

    Args:
        label: the run's name in the learning curves.
        side: the side that it is a run of; the runs of one side are pooled, for instance seeds.
        evaluation: the detections and scores of its weights.
        history: the rows of its metrics.csv; none for weights from elsewhere.
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
    results: dict[str, dict[str, Any]] = {}
    sides: dict[str, list[Run]] = {}
    for run in runs:
        detections = run.evaluation.detections
        results.setdefault(run.side, {})[run.label] = run.evaluation.results
        sides.setdefault(run.side, []).append((detections, score_split(detections, split)))
    sections = [side_scores_section(results)]
    histories = {run.label: run.history for run in runs if run.history}
    if histories:
        sections.append(curves_section(histories))
    first, *others = sides
    for other in others:
        comparison = compare((first, other), sides[first], sides[other], split)
        sections.append(comparison_section(comparison, str(len(sections))))
    settings = runs[0].evaluation.results["settings"]
    facts = {
        "runs": ", ".join(run.label for run in runs),
        "images": len(split),
        "input": f"{InputSize.of(settings['image_size'])} px",
        "score threshold": settings["score_threshold"],
        "NMS IoU": settings["nms_iou"],
    }
    return write_report(folder, f"{' and '.join(sides)} compared", facts, sections)


def _in_one_class_order(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """The runs with their detections relabelled to the class order of the first run, by name."""
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
                f"evaluate both on the same with {command_text('eval')} --report"
            )
        for name in ("image_size", "score_threshold", "nms_iou"):
            one, two = mine.results["settings"][name], other.results["settings"][name]
            if name == "image_size":
                one, two = InputSize.of(one), InputSize.of(two)
            if one != two:
                raise UserError(
                    f"{first.label} was evaluated with {name} {one}, {run.label} with {two}; "
                    f"evaluate both alike with {command_text('eval')} --report"
                )
    for one, two in itertools.combinations(runs, 2):
        if one.label == two.label:
            raise UserError(f"{one.label} is named twice")
