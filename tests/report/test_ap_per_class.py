"""AP of each class: the numbers and the bars."""

import numpy as np
import pytest

from yolox_ela.evaluate.scores import METRICS
from yolox_ela.report.ap_per_class import ap_per_class_numbers, plot_ap_per_class


def test_numbers_are_the_scores(scored_run):
    split, _, scores = scored_run
    numbers = ap_per_class_numbers(scores, split.classes)
    assert list(numbers) == list(split.classes)
    for metric in METRICS:
        per_class = [numbers[name][metric] for name in split.classes]
        assert per_class == pytest.approx(getattr(scores, metric).tolist(), abs=1e-5)
    objects = np.bincount(split.labels[~split.difficult], minlength=3).tolist()
    assert [numbers[name]["objects"] for name in split.classes] == objects


def test_bars_are_as_long_as_the_scores(scored_run):
    split, _, scores = scored_run
    axes = plot_ap_per_class(scores, split.classes).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    best_first = np.sort(scores.ap50_voc07)[::-1]
    assert widths[:3] == pytest.approx(100 * best_first)
    assert sorted(widths[3:]) == pytest.approx(np.sort(100 * scores.ap50_95))
