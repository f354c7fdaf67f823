"""The results table: scores over seeds, compared only where everything else agrees."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from yolox_ela.evaluate.scores import METRIC_HEADERS, METRICS
from yolox_ela.experiment import BASELINE
from yolox_ela.network.starts import RANDOM, title_of_start
from yolox_ela.tables.layout import Column, Table
from yolox_ela.tables.paired import clear_winner, paired_difference
from yolox_ela.tables.paper import PAPER
from yolox_ela.tables.record import CONDITIONS, PROTOCOLS, RunRow
from yolox_ela.tables.settings import with_recipe_name

WEIGHTS = {"last": "the last epoch's weights", "best": "weights chosen by their score on this test"}

PAPER_CAVEAT = (
    "The paper's mAP is not on this scale: by the authors' released lists it was measured on a "
    "random split of VOC2007 and VOC2012 together that trains on 4,020 of the 4,952 official test "
    "images, with all-point AP and a score threshold of 0.05."
)
ELA_LABEL = (
    "The paper prints 74.36 for ELA-S. That is the best epoch of an authors' log beside which lie "
    "weights of 5-tap depthwise filters, shared by the sites of a width: ELA-T by the paper's "
    "section 3.3. Here that network is nano_ela_authors, and nano_ela_s is ELA-S as defined there."
)


def results_tables(rows: Sequence[RunRow]) -> list[Table]:
    """One table for each set of runs that may be compared; those without training come first.

    The rows of the tables have all AP in percent.
    """
    groups: dict[tuple[Any, ...], list[RunRow]] = {}
    for row in sorted(rows, key=lambda row: (not _is_zero_shot(row), _rank(row))):
        groups.setdefault(tuple(_conditions(row).values()), []).append(row)
    return [_table(group) for group in groups.values()]


def _table(group: Sequence[RunRow]) -> Table:
    """The table of runs that agree in `CONDITIONS`."""
    runs, repeats = _one_run_a_seed(group)
    methods: dict[str, list[RunRow]] = {}
    for run in sorted(runs, key=lambda run: (run.exp != BASELINE, run.exp)):
        methods.setdefault(run.exp, []).append(run)
    by_seed = {
        exp: {run.seed: 100 * run.ap50_voc07 for run in of_exp if run.seed is not None}
        for exp, of_exp in methods.items()
    }
    winner = clear_winner(by_seed)
    compared = BASELINE in methods and len(methods) > 1
    with_paper = not _is_zero_shot(runs[0]) and any(exp in PAPER for exp in methods)

    conditions = _conditions(runs[0])
    rows = []
    for exp, of_exp in methods.items():
        row: dict[str, Any] = {"exp": exp, "runs": len(of_exp), **_scores(of_exp)}
        if compared:
            row |= _difference(by_seed[exp], by_seed[BASELINE], is_baseline=exp == BASELINE)
        if with_paper:
            row["paper_map"] = PAPER[exp].map if exp in PAPER else None
        rows.append({**row, "clearly_best": exp == winner, **conditions})
    return Table(
        title=_title(runs[0]),
        columns=_columns(compared=compared, with_paper=with_paper),
        rows=rows,
        notes=[
            *_notes_on_statistics(rows, winner, compared=compared),
            *_notes_on_paper(runs, with_paper=with_paper),
            *repeats,
            _provenance(runs),
        ],
    )


def _conditions(run: RunRow) -> dict[str, Any]:
    """The values of `CONDITIONS`, without the digest of random weights, which all differ."""
    conditions = {name: getattr(run, name) for name in CONDITIONS}
    return conditions | ({"start_sha256": ""} if run.start == RANDOM else {})


def _one_run_a_seed(group: Sequence[RunRow]) -> tuple[list[RunRow], list[str]]:
    """The newest run for each experiment and seed, and a note for each that was left out.

    Scores that are the same to the last digit are one run that was recorded twice, without a note.
    Other scores come from changed code or an inexact device; averaging them would break the pairing
    by seed.
    """
    chosen: dict[tuple[str, int | None], RunRow] = {}
    notes = []
    # The sort is stable: of runs of one day, the file's last one comes last.
    for run in sorted(group, key=lambda run: run.date):
        key = run.exp, run.seed
        older = chosen.get(key)
        if older is not None and any(getattr(older, m) != getattr(run, m) for m in METRICS):
            seed = "" if run.seed is None else f" seed {run.seed}"
            notes.append(
                f"{run.exp}{seed} was run again: the newer run's AP50 07 of "
                f"{100 * run.ap50_voc07:.2f} replaces {100 * older.ap50_voc07:.2f} "
                f"({_source(older)}, {older.date})."
            )
        chosen[key] = run
    return list(chosen.values()), notes


def _scores(runs: Sequence[RunRow]) -> dict[str, float | None]:
    """Mean and sample standard deviation of each metric, in percent."""
    scores: dict[str, float | None] = {}
    for metric in METRICS:
        values = [100 * getattr(run, metric) for run in runs]
        scores[metric] = fmean(values)
        scores[f"{metric}_sd"] = stdev(values) if len(values) > 1 else None
    return scores


def _difference(
    scores: dict[int, float], baseline: dict[int, float], *, is_baseline: bool
) -> dict[str, float | None]:
    """AP50 07 minus the baseline's: the number of common seeds, the mean, the interval's ends."""
    keys = ("pairs", "difference", "interval_low", "interval_high")
    if is_baseline:
        return dict.fromkeys(keys)
    found = paired_difference(scores, baseline)
    values = (found.pairs, found.mean, *(found.interval or (None, None)))
    return dict(zip(keys, values, strict=True))


def _columns(*, compared: bool, with_paper: bool) -> list[Column]:
    columns = [
        Column("exp", "experiment", _show_method, beside=("clearly_best",)),
        Column("runs", "runs"),
    ]
    for metric, header in METRIC_HEADERS.items():
        columns.append(Column(metric, header, _show_mean, beside=(f"{metric}_sd",)))
    if compared:
        beside = ("difference", "interval_low", "interval_high")
        header = f"vs {BASELINE} [95% interval]"
        columns.append(Column("pairs", header, _show_difference, beside=beside))
    if with_paper:
        columns.append(Column("paper_map", "paper's mAP", _show_mean))
    return columns


def _show_method(exp: str, clearly_best: bool) -> str:
    return f"**{exp}**" if clearly_best else exp


def _show_mean(mean: float, deviation: float | None = None) -> str:
    return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def _show_difference(pairs: int, mean: float | None, low: float | None, high: float | None) -> str:
    if mean is None:
        return f"n={pairs}"
    if low is None:
        return f"{mean:+.2f} (n={pairs})"
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}] (n={pairs})"


def _title(run: RunRow) -> str:
    """The conditions that the runs of a table share, in words."""
    start = title_of_start(run.start)
    if run.start_sha256 and run.start != RANDOM:
        start += f" [{run.start_sha256[:8]}]"
    if _is_zero_shot(run):
        origin = f"{start} without any training (zero-shot)"
    elif run.epochs is None:
        origin = f"weights of {start}, trained elsewhere"
    else:
        images = "" if run.train_images is None else f" ({run.train_images:,} images)"
        epochs = "1 epoch" if run.epochs == 1 else f"{run.epochs} epochs"
        origin = (
            f"trained on {run.train_sets}{images} for {epochs} from "
            f"{start}, {'other' if run.settings else 'usual'} recipe"
        )
    parts = [
        f"{run.data}, protocol {run.protocol}: {origin}",
        *([f"with {with_recipe_name(run.settings)}"] if run.settings else []),
        f"tested on {run.test_sets} ({run.test_images:,} images) at {run.image_size} px",
        f"score >= {run.score_threshold}, NMS IoU {run.nms_iou}",
        *([WEIGHTS.get(run.weights, f"weights of {run.weights}")] if run.weights else []),
    ]
    return "; ".join(parts)


def _notes_on_statistics(
    rows: Sequence[dict[str, Any]], winner: str | None, *, compared: bool
) -> list[str]:
    notes = []
    if any(row["runs"] > 1 for row in rows):
        notes.append("Mean ± sample standard deviation over runs that differ in their seed.")
    if compared:
        notes.append(
            f"vs {BASELINE}: mean difference in AP50 07 over the n seeds that both have, and "
            "Student's 95% interval of the differences by seed."
        )
    if winner is not None:
        notes.append(
            "Bold: ahead of every other method of this table, each interval (as above) being "
            "above zero."
        )
    elif len(rows) > 1:
        notes.append(
            "No method is best by these runs: none has a 95% interval above zero against every "
            "other one."
        )
    return notes


def _notes_on_paper(runs: Sequence[RunRow], *, with_paper: bool) -> list[str]:
    exps = {run.exp for run in runs}
    ela = bool(exps & {"nano_ela_s", "nano_ela_t", "nano_ela_authors"})
    return [*([PAPER_CAVEAT] if with_paper or ela else []), *([ELA_LABEL] if ela else [])]


def _provenance(runs: Sequence[RunRow]) -> str:
    """The source, the machines and the days of the runs, in words."""
    days = sorted({run.date for run in runs})
    period = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    sources = ", ".join(sorted({_source(run) for run in runs}))
    machines = ", ".join(sorted({run.machine for run in runs}))
    return f"Source {sources}; evaluated on {machines}; {period}."


def _source(run: RunRow) -> str:
    """The shortened commit of a run's source."""
    commit, plus, changes = run.commit.partition("+")
    return commit[:7] + plus + changes


def _is_zero_shot(run: RunRow) -> bool:
    return run.epochs == 0


def _rank(run: RunRow) -> int:
    return PROTOCOLS.index(run.protocol)
