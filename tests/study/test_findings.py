"""What is said of a study's methods."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.study.findings import Finding, find
from yolox_ela.study.intervals import Estimate
from yolox_ela.study.plan import EVALUATE, TRAIN, Group, Run
from yolox_ela.study.plot import plot_study
from yolox_ela.study.records import Record
from yolox_ela.study.study_parts import Settings
from yolox_ela.study.table import sentence, study_table
from yolox_ela.tables.complexity import Complexity
from yolox_ela.tables.layout import render

GROUP = Group(Settings("voc"), Settings("short"))
METRIC = "ap50_voc07"


def finding(low, high, *, covers_seeds=True):
    middle, half = (low + high) / 2, (high - low) / 2
    estimate = Estimate(middle, half, 3, covers_seeds, 0.1, 0.1)
    scores = {metric: np.array([70.0, 71.0]) for metric in METRICS}
    return Finding("ela", (0, 1), scores, dict.fromkeys(METRICS, estimate))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.2, 1.0, "ela scores higher than nano, by 0.60 points of AP50 07 (+0.60, 95% interval"),
        (-1.0, -0.2, "ela scores lower than nano, by 0.60 points of AP50 07 (-0.60,"),
        (-0.3, 1.1, "no difference is shown, and none larger than 1.10 points of AP50 07"),
        (-1.4, 0.2, "none larger than 1.40 points"),
    ],
)
def test_sentence_says_what_the_interval_supports(low, high, said):
    assert said in sentence(finding(low, high), "nano", METRIC)


def test_sentence_of_a_single_seed_says_so():
    text = sentence(finding(-1, 1, covers_seeds=False), "nano", METRIC)
    assert text.endswith("of other seeds one seed says nothing.")


@pytest.fixture(scope="module")
def records(build_split):
    """Two methods with three seeds, one that finds fewer objects, and weights that stand beside."""
    rng = np.random.default_rng(0)
    split = build_split([[(int(rng.integers(3)), (10, 10, 60, 60))] for _ in range(120)])

    def record(share):
        hit = rng.random(120) < share
        boxes = np.where(hit[:, None], (10, 10, 60, 60), (300, 300, 340, 340))
        scores = rng.uniform(0.1, 0.9, 120).astype(np.float32)
        found = Detections(np.arange(120), boxes.astype(np.float32), scores, split.labels)
        return Record({}, None, found)

    runs = {
        Run(GROUP, method, seed, TRAIN, {}): record(share)
        for seed in range(3)
        for method, share in (("nano", 0.9), ("bad", 0.5))
    }
    runs[Run(GROUP, "zero-shot", None, EVALUATE, {})] = record(0.7)
    return split, runs


def test_find(records):
    split, runs = records
    nano, bad, beside = find(runs, split, "nano", resamples=200)
    assert [nano.method, bad.method, beside.method] == ["nano", "bad", "zero-shot"]
    assert (nano.seeds, beside.seeds) == ((0, 1, 2), ())
    assert nano.differences[METRIC] is None
    difference = bad.differences[METRIC]
    assert difference.value == pytest.approx(bad.mean(METRIC) - nano.mean(METRIC))
    assert difference.high < 0, "40 of 100 objects are a clear difference"
    assert difference.covers_seeds
    assert beside.differences[METRIC].value == pytest.approx(
        beside.scores[METRIC][0] - nano.mean(METRIC)
    )
    again = find(runs, split, "nano", resamples=200)[1]
    assert again.differences == bad.differences, "the same records give the same intervals"


def test_a_run_that_is_missing_leaves_the_others(records):
    split, runs = records
    some = {run: record for run, record in runs.items() if (run.method, run.seed) != ("nano", 1)}
    nano, bad, _ = find(some, split, "nano", resamples=100)
    assert (nano.seeds, bad.seeds) == ((0, 2), (0, 1, 2))
    assert bad.differences[METRIC].seeds == 2, "of the seeds that both have"
    without = {run: record for run, record in runs.items() if run.method != "nano"}
    bad, _ = find(without, split, "nano", resamples=100)
    assert bad.differences[METRIC] is None


def test_table_and_picture(records):
    split, runs = records
    findings = find(runs, split, "nano", resamples=100)
    costs = dict.fromkeys(("nano", "bad", "zero-shot"), Complexity(900_000, 1, 2_000_000_000))
    table = study_table(GROUP, findings, costs, split, "nano", 64)
    lines = render([table], "markdown").splitlines()
    assert "AP50 07 vs nano [95% interval]" in lines[2]
    assert "0.90 M" in lines[4]
    assert math.isfinite(table.rows[1][f"{METRIC}_low"])
    assert any(line.startswith("- bad scores lower than nano") for line in lines)
    figure = plot_study(table.title, findings, costs, "nano", METRIC)
    assert isinstance(figure, Figure)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert [label.split("\n")[0] for label in labels] == ["nano", "bad", "zero-shot"]
