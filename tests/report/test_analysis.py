"""The numbers of a run and of a comparison as a whole, and their pictures."""

import json

import numpy as np
import pytest
from matplotlib.text import Text

from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.report.analysis import AnalysisSettings, analyse
from yolox_ela.report.comparison import compare
from yolox_ela.report.drawing import draw_analysis, draw_comparison

NAMES = [
    "ap_per_class",
    "precision_recall",
    "f1",
    "f1_per_class",
    "confusion",
    "sizes",
    "errors",
]


@pytest.fixture(scope="module")
def run(random_run):
    split, found = random_run(7, images=60)
    return split, found, score_split(found, split)


@pytest.fixture(scope="module")
def analysis(run):
    split, found, scores = run
    return analyse(found, split, scores)


@pytest.fixture(scope="module")
def figures(analysis):
    return draw_analysis(analysis)


def test_json_holds_plain_values_that_agree_with_the_scores(run, analysis):
    split, _, scores = run
    content = json.loads(json.dumps(analysis.to_json(), allow_nan=False))
    for metric in METRICS:
        aps = getattr(scores, metric)
        assert content["mean_ap"][metric] == pytest.approx(aps.mean(), abs=1e-5)
        per_class = [content["ap_per_class"][name][metric] for name in split.classes]
        assert per_class == pytest.approx(aps.tolist(), abs=1e-5)
    assert content["errors"]["ap50"] == content["mean_ap"]["ap50"]
    assert content["kept"] == content["thresholds"]["best"]
    assert content["confusion"]["threshold"] == content["kept"]["threshold"]


def test_the_threshold_can_be_chosen(run):
    split, found, scores = run
    chosen = analyse(found, split, scores, AnalysisSettings(score_threshold=0.25, cases=2))
    assert chosen.kept.threshold == chosen.confusion.threshold == 0.25
    assert len(chosen.worst.false_positives) == 2


BOX = (10, 10, 50, 50)


@pytest.mark.parametrize("truth", [[[(0, BOX)], []], [[], []]], ids=["one object", "no object"])
@pytest.mark.parametrize("rows", [[], [(0, 0, 0.9, BOX), (1, 1, 0.5, BOX)]], ids=["none", "two"])
def test_little_or_nothing_to_show(build_split, build_detections, truth, rows):
    split, found = build_split(truth), build_detections(rows)
    analysis = analyse(found, split, score_split(found, split))
    json.dumps(analysis.to_json(), allow_nan=False)
    for figure in draw_analysis(analysis).values():
        figure.draw_without_rendering()


def test_names_and_order(figures):
    assert list(figures) == NAMES


def test_pictures_belong_to_nobody(figures):
    """Without pyplot nothing piles up, and no window opens."""
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", NAMES)
def test_text_is_large_enough_and_inside_the_picture(figures, name):
    figure = figures[name]
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    drawn = figure.get_tightbbox()
    assert min(drawn.x0, drawn.y0) > -0.01
    assert drawn.x1 < width + 0.01
    assert drawn.y1 < height + 0.01
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 9


def test_bars_are_as_long_as_the_scores(figures, run):
    _, _, scores = run
    axes = figures["ap_per_class"].axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    best_first = np.sort(scores.ap50_voc07)[::-1]
    assert widths[:3] == pytest.approx(100 * best_first)
    assert sorted(widths[3:]) == pytest.approx(np.sort(100 * scores.ap50_95))


def test_the_best_threshold_is_named_and_marked(figures, analysis):
    axes = figures["f1"].axes[0]
    best = analysis.thresholds.pooled.best
    assert f"best F1 {best.f1:.3f} at score {best.threshold:.3f}" in axes.get_title()
    marked = axes.lines[-1]
    assert (marked.get_xdata()[0], marked.get_ydata()[0]) == (best.threshold, best.f1)


def test_shares_from_five_percent_are_written_out(figures, analysis):
    axes = figures["confusion"].axes[0]
    shares = analysis.confusion.shares
    shares[-1, -1] = 0
    expected = {
        (column, row): f"{100 * shares[row, column]:.0f}"
        for row, column in np.argwhere(shares >= 0.05)
    }
    assert {text.get_position(): text.get_text() for text in axes.texts} == expected


def test_gains_and_counts_of_errors_are_shown(figures, analysis):
    left, right = figures["errors"].axes
    gains = [bar.get_width() for bar in left.patches]
    assert gains[:6] == pytest.approx(100 * analysis.errors.gains)
    assert len(right.patches) == 6


def test_comparison(run, random_run):
    split, found, scores = run
    rng = np.random.default_rng(0)
    noisy = type(found)(
        found.images,
        found.boxes,
        (found.scores * rng.uniform(0.6, 1, len(found))).astype(np.float32),
        found.labels,
    )
    comparison = compare(
        ("plain", "ours"), [(found, scores)], [(noisy, score_split(noisy, split))] * 2, split
    )
    content = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert list(content["differences"]) == list(METRICS)
    assert content["seeds"] == [1, 2]
    figures = draw_comparison(comparison)
    assert list(figures) == ["bootstrap", *(f"differences_{metric}" for metric in METRICS)]
    for figure in figures.values():
        figure.draw_without_rendering()
    axes = figures["differences_ap50"].axes[0]
    assert "ours (2 seeds) minus plain" in axes.get_title()
    values = 100 * np.append(
        np.sort(comparison.differences["ap50"].class_values)[::-1],
        comparison.differences["ap50"].value,
    )
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(values)
