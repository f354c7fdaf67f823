"""The part of a report on what the gates attend to."""

import numpy as np

from yolox_ela.attention import SE, ela_t
from yolox_ela.network.model import SITES, build_yolox_nano
from yolox_ela.report.gates import gates_section

SIZE = 64


def test_the_section_shows_photographs_and_a_row_for_each_site_and_direction(
    gated_network, sample_split
):
    section = gates_section(
        gated_network(ela_t), sample_split, SIZE, photographs=1, statistics_over=3
    )
    assert list(section.figures) == [
        "photograph_1_mean_over_channels",
        "photograph_1_strongest_channel",
        "statistics_of_the_gates",
    ]
    assert all(png.startswith(b"\x89PNG") for png in section.figures.values())
    assert [tuple(row[:2]) for row in section.table.rows] == [
        (site, direction) for site in SITES for direction in ("rows", "columns")
    ]
    assert "of 3 photographs" in section.text


def test_modules_without_gates_are_named(gated_network, sample_split):
    section = gates_section(gated_network(SE), sample_split, SIZE)
    assert "Not shown, because they have no gates by row and column: SE" in section.text
    assert not section.figures
    assert "no attention" in gates_section(build_yolox_nano(20), sample_split, SIZE).text


def test_photographs_that_are_gone_leave_a_note(gated_network, sample_split, tmp_path):
    paths = sample_split.paths.astype(object)
    lost = np.array([str(tmp_path / "lost.jpg")] * len(sample_split), dtype=object)
    none = type(sample_split)(**{**vars(sample_split), "paths": lost})
    section = gates_section(gated_network(ela_t), none, SIZE)
    assert "lost.jpg" in section.text
    assert not section.figures
    paths[0] = lost[0]
    some = type(sample_split)(**{**vars(sample_split), "paths": paths})
    section = gates_section(gated_network(ela_t), some, SIZE, photographs=0, statistics_over=2)
    assert "of 1 photographs" in section.text
    assert "could not be read: 1 (first:" in section.text
