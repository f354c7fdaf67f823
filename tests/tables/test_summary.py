"""The summary: every recorded method once, in words a reader understands."""

from dataclasses import replace
from pathlib import Path

from yolox_ela.tables.layout import render
from yolox_ela.tables.record import read_rows
from yolox_ela.tables.summary import summary_table

RECORD = Path(__file__).resolve().parents[2] / "exps" / "results.csv"


def test_trained_untrained_and_foreign_weights():
    zero_shot = next(row for row in read_rows(RECORD) if row.epochs == 0)
    trained = replace(zero_shot, seed=0, epochs=72, start="coco", settings="lr=0.01")
    again = replace(trained, seed=1, ap50_voc07=zero_shot.ap50_voc07 + 0.02)
    foreign = replace(zero_shot, exp="nano_ela_t", epochs=None, start="theirs.pth")
    table = summary_table([foreign, trained, again, zero_shot])
    assert sorted(row["runs"] for row in table.rows) == [1, 1, 2]
    text = render([table], "text")
    for words in (
        "none: COCO weights (legacy release, folded)",
        "72 epochs from COCO weights (release 0.1.1rc0); lr=0.01",
        "elsewhere (theirs.pth)",
        f"{100 * zero_shot.ap50_voc07 + 1:.2f}",
    ):
        assert words in text, words
