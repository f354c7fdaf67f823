"""What a point of AP costs: each module beside the next size of YOLOX."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from yolox_ela.experiment import BASELINE, NETWORK, Experiment, load_experiment, network_of
from yolox_ela.overrides import override
from yolox_ela.tables.complexity import Complexity, count_complexity
from yolox_ela.tables.layout import Column, Table
from yolox_ela.tables.record import RunRow
from yolox_ela.tables.results import CONDITIONS

CONTROL = "tiny"  # the next size up

NOTE = (
    f"Extra: beside {BASELINE}. Per point: extra divided by the gain in AP50 07, where there is a "
    f"gain. {BASELINE}-size={CONTROL} is the control: what the next size of YOLOX costs for a "
    "point, without attention. Parameters and GFLOPs as in the table of size and cost, for 20 "
    "classes and one image of 640 x 640. Scores are means over the recorded runs with equal "
    "conditions; where a cell is empty, no such run is recorded. A gain within the spread of seeds "
    "(see the table of results) may be chance, and so may what a point costs by it."
)


def experiments_of(
    sizes: Collection[str], attentions: Collection[str], bases: Sequence[Experiment] = ()
) -> list[Experiment]:
    """Every combination of base, size and attention; none of a kind leaves that of the base.

    Args:
        sizes: keys of `SIZES`.
        attentions: texts; see `attention_text`.
        bases: by default the baseline.

    Raises:
        UserError: there is no such size, or an attention has another form.
    """
    experiments = []
    for base in bases or [load_experiment(BASELINE)]:
        for size in dict.fromkeys(sizes) or [base.size]:
            for attention in dict.fromkeys(attentions) or [""]:
                none = not base.has_attention and attention == "none"
                exp = override(base, {"size": size, "attention": "" if none else attention})
                exp.validate()
                experiments.append(exp)
    return experiments


def cost_tables(experiments: Sequence[Experiment], runs: Sequence[RunRow]) -> list[Table]:
    """A table for each set of conditions under which runs of the baseline and others are recorded.

    Args:
        experiments: those to show, beside which stand the baseline and the next size up.
        runs: as recorded.

    Returns:
        The tables; a single one without scores if there are no such runs.
    """
    baseline = load_experiment(BASELINE)
    shown = {exp.name: exp for exp in [baseline, *experiments, *experiments_of([CONTROL], [])]}
    counts = {name: count_complexity(network_of(exp)) for name, exp in shown.items()}
    groups: dict[tuple[Any, ...], list[RunRow]] = {}
    for run in runs:
        if run.exp in shown:
            groups.setdefault(_conditions(run), []).append(run)
    tables = []
    for group in groups.values():
        scores = {
            name: 100 * fmean(run.ap50_voc07 for run in group if run.exp == name)
            for name in dict.fromkeys(run.exp for run in group)
        }
        if BASELINE in scores and len(scores) > 1:
            runs_of = Counter(run.exp for run in group)
            tables.append(_table(counts, scores, runs_of, _title(group[0])))
    return tables or [_table(counts, {}, {}, "Cost of a point: no runs to compare are recorded")]


def _conditions(run: RunRow) -> tuple[Any, ...]:
    """What runs must have in common: all but the network, and its weights at the start."""
    settings = [part for part in run.settings.split("; ") if part.split("=")[0] not in NETWORK]
    run = replace(run, settings="; ".join(settings), start_sha256="")
    return tuple(getattr(run, name) for name in CONDITIONS)


def _title(run: RunRow) -> str:
    epochs = "without training" if run.epochs == 0 else f"{run.epochs} epochs"
    return (
        f"Cost of a point: {run.data}, {run.test_images:,} test images at {run.image_size} px, "
        f"{epochs} from {run.start}"
    )


def _table(
    counts: Mapping[str, Complexity],
    scores: Mapping[str, float],
    runs_of: Mapping[str, int],
    title: str,
) -> Table:
    base, rows = counts[BASELINE], []
    for name, count in counts.items():
        score = scores.get(name)
        gain = None if score is None or name == BASELINE else score - scores[BASELINE]
        extra = {
            "extra_parameters": count.parameters - base.parameters,
            "extra_gflops": (count.flops - base.flops) / 1e9,
        }
        pays = gain is not None and gain > 0
        rows.append(
            {
                "exp": name,
                "parameters": count.parameters,
                "gflops": count.flops / 1e9,
                "runs": runs_of.get(name),
                "ap50_voc07": score,
                "gain": gain,
                **(extra if name != BASELINE else dict.fromkeys(extra)),
                **{
                    f"{key}_per_point": value / gain if pays and gain else None
                    for key, value in extra.items()
                },
            }
        )
    columns = [
        Column("exp", "experiment"),
        Column("parameters", "parameters", "{:,}".format),
        Column("gflops", "GFLOPs (torch)", "{:.4f}".format),
        Column("runs", "runs"),
        Column("ap50_voc07", "AP50 07", "{:.2f}".format),
        Column("gain", "gain", "{:+.2f}".format),
        Column("extra_parameters", "extra parameters", "{:,}".format),
        Column("extra_gflops", "extra GFLOPs", "{:.4f}".format),
        Column("extra_parameters_per_point", "parameters per point", "{:,.0f}".format),
        Column("extra_gflops_per_point", "GFLOPs per point", "{:.4f}".format),
    ]
    return Table(title, columns, rows, [NOTE])
