"""All pictures of an analysis, and of a comparison."""

from matplotlib.figure import Figure

from yolox_ela.report.analysis import Analysis
from yolox_ela.report.comparison import Comparison
from yolox_ela.report.figures.ap_per_class import draw_ap_per_class
from yolox_ela.report.figures.comparison import draw_bootstrap, draw_class_differences
from yolox_ela.report.figures.confusion import draw_confusion
from yolox_ela.report.figures.errors import draw_errors
from yolox_ela.report.figures.f1 import draw_f1, draw_f1_per_class
from yolox_ela.report.figures.precision_recall import draw_precision_recall
from yolox_ela.report.figures.sizes import draw_sizes


def draw_analysis(analysis: Analysis) -> dict[str, Figure]:
    """The pictures in the order to show them, by the name for their file."""
    classes = analysis.split.classes
    threshold = analysis.kept.threshold
    kept = analysis.detections.scores >= threshold
    return {
        "ap_per_class": draw_ap_per_class(analysis.scores, classes),
        "precision_recall": draw_precision_recall(
            analysis.precision_recall, analysis.scores.ap50, classes
        ),
        "f1": draw_f1(analysis.thresholds, analysis.kept),
        "f1_per_class": draw_f1_per_class(analysis.thresholds, analysis.kept, classes),
        "confusion": draw_confusion(analysis.confusion, classes),
        "sizes": draw_sizes(analysis.sizes, threshold),
        "errors": draw_errors(analysis.errors, kept, threshold),
    }


def draw_comparison(comparison: Comparison) -> dict[str, Figure]:
    """The pictures in the order to show them, by the name for their file."""
    return {
        "bootstrap": draw_bootstrap(comparison),
        **{
            f"differences_{metric}": draw_class_differences(comparison, metric)
            for metric in comparison.differences
        },
    }
