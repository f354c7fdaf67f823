"""The style of all text tables."""

import pytest

from yolox_ela.system.text_table import text_table

ROWS = [["cat", "4.50", 2], ["dining table", "-", 12_345]]


def test_for_the_screen():
    assert text_table(["class", "AP", "objects"], ROWS, "lrr").splitlines() == [
        "class           AP    objects",
        "------------  ----  ---------",
        "cat           4.50          2",
        "dining table     -      12345",
    ]


def test_in_markdown():
    table = text_table(["a", "b"], [["x|y", "3.50"]], "lr", markdown=True)
    assert table.splitlines() == ["| a    |    b |", "|:-----|-----:|", "| x\\|y | 3.50 |"]


@pytest.mark.parametrize("markdown", [False, True])
def test_without_rows(markdown):
    assert "AP" in text_table(["class", "AP"], [], "lr", markdown=markdown)
