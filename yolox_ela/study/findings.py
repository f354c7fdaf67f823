"""What the recorded runs of a group say: scores, differences to the baseline, and sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import mean_over_classes
from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.report.bootstrap import RESAMPLES, resampled_scores
from yolox_ela.study.intervals import (
    Estimate,
    Spread,
    estimate,
    spread_of_runs,
    spread_within_methods,
)
from yolox_ela.study.plan import Run
from yolox_ela.study.records import Record


@dataclass(frozen=True)
class Finding:
    """The scores of a method, or of weights that stand beside; all in percent.

    Attributes:
        method: its name.
        seeds: those that it was trained with, as far as they are recorded; none for weights that
            stand beside.
        scores: by metric, the score with each seed, or the one score of weights that stand beside.
        differences: by metric, how much higher it scores than the baseline; None for the baseline,
            and where no seed is common.
    """

    method: str
    seeds: tuple[int, ...]
    scores: Mapping[str, np.ndarray]
    differences: Mapping[str, Estimate | None]

    def mean(self, metric: str) -> float:
        """The mean over the seeds."""
        return float(self.scores[metric].mean())

    def deviation(self, metric: str) -> float | None:
        """The sample standard deviation over the seeds; None for fewer than two."""
        scores = self.scores[metric]
        return float(scores.std(ddof=1)) if len(scores) > 1 else None


@dataclass(frozen=True)
class _Scored:
    """Scores of a run in percent, in the order of `METRICS`.

    Attributes:
        scores: (3,) on the images as they are.
        resamples: (3, R) on resampled images.
    """

    scores: np.ndarray
    resamples: np.ndarray


def find(
    records: Mapping[Run, Record], split: VocSplit, baseline: str, *, resamples: int = RESAMPLES
) -> list[Finding]:
    """Compare the runs of a group; some 5 s for each run on 1,500 images.

    Args:
        records: the runs of the group that are recorded, in the order in which to show them.
        split: the images that all were scored on.
        baseline: the method that the others are compared with.
        resamples: the number of times that the images are sampled with replacement.
    """
    images = len(split)
    rng = np.random.default_rng(0)
    weights = rng.multinomial(images, np.full(images, 1 / images), size=resamples)
    trained: dict[str, dict[int, _Scored]] = {}
    beside: dict[str, _Scored] = {}
    for run, record in records.items():
        scored = _score(record, split, weights)
        if run.seed is None:
            beside[run.method] = scored
        else:
            trained.setdefault(run.method, {})[run.seed] = scored
    base = trained.get(baseline, {})
    tables = _tables(trained)
    of_runs = [spread_of_runs(table) for table in tables]
    within = [spread_within_methods(table) for table in tables]
    findings = []
    for name, runs in trained.items():
        differences = _differences(runs, {} if name == baseline else base, of_runs, 2, images)
        findings.append(_finding(name, tuple(runs), [*runs.values()], differences))
    for name, one in beside.items():
        differences = _differences(dict.fromkeys(base, one), base, within, 1, images)
        findings.append(_finding(name, (), [one], differences))
    return findings


def _score(record: Record, split: VocSplit, weights: np.ndarray) -> _Scored:
    """Score a run; on the images as they are, its row has the scores before any rounding."""
    scores = score_split(record.detections, split)
    resamples = mean_over_classes(resampled_scores(record.detections, scores, split, weights))
    if record.row is None:
        here = [float(mean_over_classes(getattr(scores, metric))) for metric in METRICS]
    else:
        here = [getattr(record.row, metric) for metric in METRICS]
    return _Scored(100 * np.array(here), 100 * resamples)


def _tables(trained: Mapping[str, Mapping[int, _Scored]]) -> np.ndarray:
    """(3, M, S) scores by metric, method and seed; NaN where a run is missing."""
    seeds = sorted({seed for runs in trained.values() for seed in runs})
    tables = np.full((len(METRICS), len(trained), len(seeds)), np.nan)
    for row, runs in enumerate(trained.values()):
        for seed, scored in runs.items():
            tables[:, row, seeds.index(seed)] = scored.scores
    return tables


def _differences(
    runs: Mapping[int, _Scored],
    base: Mapping[int, _Scored],
    spreads: Sequence[Spread],
    sides: int,
    images: int,
) -> dict[str, Estimate | None]:
    """By metric, how much higher the runs score than the baseline's with the same seeds."""
    seeds = [seed for seed in runs if seed in base]
    if not seeds:
        return dict.fromkeys(METRICS)
    values = np.array([runs[seed].scores - base[seed].scores for seed in seeds])  # (n, 3)
    resamples = np.array([runs[seed].resamples - base[seed].resamples for seed in seeds])
    return {
        metric: estimate(values[:, i], resamples[:, i].T, spread, runs=sides, images=images)
        for i, (metric, spread) in enumerate(zip(METRICS, spreads, strict=True))
    }


def _finding(
    name: str,
    seeds: tuple[int, ...],
    runs: Sequence[_Scored],
    differences: Mapping[str, Estimate | None],
) -> Finding:
    scores = np.array([run.scores for run in runs])  # (n, 3)
    return Finding(
        method=name,
        seeds=seeds,
        scores={metric: scores[:, i] for i, metric in enumerate(METRICS)},
        differences=differences,
    )
