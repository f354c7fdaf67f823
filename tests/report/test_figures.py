"""What holds for every plot of a report."""

import pytest
from matplotlib import pyplot
from matplotlib.text import Text

from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.ap_per_class import plot_ap_per_class
from yolox_ela.report.confusion import confusion_matrix, plot_confusion
from yolox_ela.report.error_costs import error_costs, plot_error_costs
from yolox_ela.report.error_kinds import find_errors
from yolox_ela.report.precision_recall import plot_precision_recall, precision_recall_curves
from yolox_ela.report.sizes import plot_sizes, score_by_size
from yolox_ela.report.thresholds import plot_f1, plot_f1_per_class, threshold_curves

PLOTS = {
    "ap_per_class": lambda split, found, scores: plot_ap_per_class(scores, split.classes),
    "precision_recall": lambda split, found, scores: plot_precision_recall(
        precision_recall_curves(scores), scores.ap50, split.classes
    ),
    "f1": lambda split, found, scores: plot_f1(threshold_curves(found, scores)),
    "f1_per_class": lambda split, found, scores: plot_f1_per_class(
        threshold_curves(found, scores), split.classes
    ),
    "confusion": lambda split, found, scores: plot_confusion(
        confusion_matrix(found, split, 0.3), split.classes
    ),
    "sizes": lambda split, found, scores: plot_sizes(score_by_size(found, split, 0.3), 0.3),
    "errors": lambda split, found, scores: plot_error_costs(
        error_costs(found, split, scores, find_errors(found, split, scores)),
        found.scores >= 0.3,
        0.3,
    ),
}


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_text_is_large_enough_and_inside_the_picture(scored_run, plot):
    figure = plot(*scored_run)
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    extent = figure.get_tightbbox()
    assert min(extent.x0, extent.y0) > -0.01
    assert extent.x1 < width + 0.01
    assert extent.y1 < height + 0.01
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 9
    assert pyplot.get_fignums() == [], "none accumulates in its global state, no window opens"


BOX = (10, 10, 50, 50)


@pytest.mark.parametrize("truth", [[[(0, BOX)], []], [[], []]], ids=["one object", "no object"])
@pytest.mark.parametrize("rows", [[], [(0, 0, 0.9, BOX), (1, 1, 0.5, BOX)]], ids=["none", "two"])
@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_little_or_nothing_to_show(build_split, build_detections, plot, truth, rows):
    split, found = build_split(truth), build_detections(rows)
    plot(split, found, score_split(found, split)).draw_without_rendering()
