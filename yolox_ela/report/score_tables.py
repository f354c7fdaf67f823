"""Tables of scores: one row for each class of a run, or for each side of a comparison."""

import itertools
import statistics
from collections.abc import Mapping
from typing import Any

from yolox_ela.evaluate.results_text import COUNTS
from yolox_ela.evaluate.scores import METRIC_HEADERS, METRICS
from yolox_ela.report.page import PageTable, Section


def class_scores_section(results: Mapping[str, Any]) -> Section:
    """The scores of one evaluation, one row per class and one for the mean.

    Args:
        results: the evaluation's results, as `score_detections` returns them.
    """
    rows = [
        [name, *(_percent(row[metric]) for metric in METRICS), *(row[count] for count in COUNTS)]
        for name, row in [*results["per_class"].items(), ("mean, sum", results)]
    ]
    absent = ", ".join(results["classes_without_objects"])
    return Section(
        "Scores",
        "In percent. AP50 at IoU 0.5 by VOC's rules (inclusive pixels, difficult objects ignored), "
        "over VOC2007's 11 points and over all points; AP50:95 by COCO's rules."
        + (f" Without objects, so not in the mean: {absent}." if absent else ""),
        table=PageTable(["class", *METRIC_HEADERS.values(), *COUNTS], rows),
        numbers=dict(results),
    )


def side_scores_section(
    sides: Mapping[str, Mapping[str, Mapping[str, Any]]],
    headers: Mapping[str, str] = METRIC_HEADERS,
) -> Section:
    """The scores of several sides, one row per side with mean and standard deviation.

    Args:
        sides: by side and by name of the run, the results; each run must have the scores.
        headers: the scores and what they are called.
    """
    rows: list[list[str | float | None]] = []
    for side, runs in sides.items():
        row: list[str | float | None] = [side, len(runs)]
        for metric in headers:
            values = [100 * results[metric] for results in runs.values()]
            row.append(statistics.mean(values))
            row.append(statistics.stdev(values) if len(values) > 1 else None)
        rows.append(row)
    columns = [
        "side",
        "runs",
        *itertools.chain(*((label, "sd") for label in headers.values())),
    ]
    return Section(
        "Scores",
        "Means over the runs of a side and their standard deviation, in percent. With one run "
        "there is none, and nothing is known of how much a seed matters.",
        table=PageTable(columns, rows),
        numbers={name: results for runs in sides.values() for name, results in runs.items()},
    )


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
