"""Two sides compared: the numbers and their plots."""

import json

import numpy as np
import pytest

from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.report.comparison import (
    compare,
    comparison_section,
    plot_bootstrap,
    plot_class_differences,
)


@pytest.fixture(scope="module")
def comparison(scored_run):
    split, found, scores = scored_run
    rng = np.random.default_rng(0)
    noisy = type(found)(
        found.images,
        found.boxes,
        (found.scores * rng.uniform(0.6, 1, len(found))).astype(np.float32),
        found.labels,
    )
    return compare(
        ("plain", "ours"), [(found, scores)], [(noisy, score_split(noisy, split))] * 2, split
    )


def test_json_holds_plain_values(comparison):
    content = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert list(content["differences"]) == list(METRICS)
    assert content["seeds"] == [1, 2]


def test_bars_are_as_long_as_the_differences(comparison):
    figure = plot_class_differences(comparison, "ap50")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert "ours (2 seeds) minus plain" in axes.get_title()
    difference = comparison.differences["ap50"]
    values = 100 * np.append(np.sort(difference.class_values)[::-1], difference.value)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(values)


def test_histograms_hold_every_resample(comparison):
    figure = plot_bootstrap(comparison)
    figure.draw_without_rendering()
    assert len(figure.axes) == len(METRICS)
    for axes, difference in zip(figure.axes, comparison.differences.values(), strict=True):
        assert sum(bar.get_height() for bar in axes.patches) == len(difference.samples)


def test_section_has_a_row_and_a_plot_for_each_metric(comparison):
    section = comparison_section(comparison, "4")
    names = ["bootstrap_4", *(f"differences_{metric}_4" for metric in METRICS)]
    assert list(section.figures) == names
    assert [row[0] for row in section.table.rows] == ["AP50 07", "AP50", "AP50:95"]
    assert "over 1 and 2 runs" in section.text
