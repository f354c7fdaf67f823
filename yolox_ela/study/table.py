"""A group's table, and the sentences that say what its data support."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.scores import METRIC_HEADERS
from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.study.findings import Finding
from yolox_ela.study.intervals import Estimate
from yolox_ela.study.plan import Group
from yolox_ela.tables.complexity import Complexity
from yolox_ela.tables.layout import Column, Table
from yolox_ela.tables.paired import CONFIDENCE

CHANCE = 1 - CONFIDENCE


def study_table(
    group: Group,
    findings: Sequence[Finding],
    costs: Mapping[str, Complexity],
    split: VocSplit,
    baseline: str,
    image_size: ImageSize,
) -> Table:
    """Scores in percent: mean and deviation over seeds, and the difference to the baseline.

    Args:
        group: the group.
        findings: the findings of each of its methods, and of the weights that stand beside.
        costs: the cost of the network of each finding, by the name of its method.
        split: the images that were scored; names the metric that decides.
        baseline: the method that the others are compared with.
        image_size: the size of the evaluation's input.
    """
    rows = []
    for found in findings:
        row: dict[str, Any] = {"method": found.method, "runs": len(found.seeds) or None}
        for metric in METRIC_HEADERS:
            row |= {metric: found.mean(metric), f"{metric}_sd": found.deviation(metric)}
            row |= _plain(metric, found.differences[metric])
        cost = costs[found.method]
        rows.append(row | {"parameters": cost.parameters, "gflops": cost.flops / 1e9})
    metric = split.headline
    beside = (f"{metric}_low", f"{metric}_high")
    columns = [
        Column("method", "method"),
        Column("runs", "runs"),
        *(Column(m, title, _show_mean, (f"{m}_sd",)) for m, title in METRIC_HEADERS.items()),
        Column(
            f"{metric}_difference",
            f"{METRIC_HEADERS[metric]} vs {baseline} [95% interval]",
            _show_difference,
            beside,
        ),
        Column("parameters", "parameters", lambda count: f"{count / 1e6:.2f} M"),
        Column("gflops", "GFLOPs", "{:.2f}".format),
    ]
    title = (
        f"{group.data.label or group.data.name}, recipe {group.recipe.name}, {len(split):,} images "
        f"at {InputSize.of(image_size)} px"
    )
    return Table(title, columns, rows, _notes(findings, baseline, metric))


def short_table(table: Table, methods: Sequence[str]) -> Table:
    """The rows of these methods alone, in their order in the table, without sentences."""
    return replace(table, rows=[row for row in table.rows if row["method"] in methods], notes=())


def sentence(found: Finding, baseline: str, metric: str) -> str:
    """What the data say of a method beside the baseline."""
    name, difference = found.method, found.differences[metric]
    if difference is None:
        return f"{name}: no run to compare with {baseline} is recorded."
    unit = f"points of {METRIC_HEADERS[metric]}"
    value, low, high = map(signed, (difference.value, difference.low, difference.high))
    interval = f"{value}, 95% interval {low} to {high}"
    if difference.low > 0 or difference.high < 0:
        direction = "higher" if difference.low > 0 else "lower"
        said = (
            f"{name} scores {direction} than {baseline}, by {abs(difference.value):.2f} {unit} "
            f"({interval})"
        )
    else:
        largest = max(abs(difference.low), abs(difference.high))
        said = (
            f"{name} and {baseline}: no difference is shown, and none larger than {largest:.2f} "
            f"{unit} is supported ({interval})"
        )
    return said + ("." if difference.covers_seeds else "; of other seeds one seed says nothing.")


def _notes(findings: Sequence[Finding], baseline: str, metric: str) -> list[str]:
    compared = [found for found in findings if found.method != baseline]
    sentences = [sentence(found, baseline, metric) for found in compared]
    meaning = (
        "Mean ± sample standard deviation over seeds, in percent. An interval covers other test "
        "images and, with two seeds or more, other seeds."
    )
    tested = sum(found.differences[metric] is not None for found in compared)
    if tested > 1:
        meaning += (
            f" Each is meant for itself: of {tested}, {tested * CHANCE:.2f} would miss the true "
            "difference on average."
        )
    return [*sentences, meaning]


def _plain(metric: str, difference: Estimate | None) -> dict[str, float | None]:
    """A difference as values of a table's row."""
    values = (difference.value, difference.low, difference.high) if difference else (None,) * 3
    names = (f"{metric}_difference", f"{metric}_low", f"{metric}_high")
    return dict(zip(names, values, strict=True))


def _show_mean(mean: float, deviation: float | None) -> str:
    return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def _show_difference(value: float, low: float, high: float) -> str:
    return f"{signed(value)} [{signed(low)}, {signed(high)}]"


def signed(value: float) -> str:
    """A difference with two decimals and its sign, which 0 does not have twice."""
    return f"{round(value, 2) + 0.0:+.2f}"
