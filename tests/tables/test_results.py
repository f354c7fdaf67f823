"""Results: pooled only where runs agree, compared by seed, honest about what is unknown."""

import pytest

from yolox_ela.tables.layout import render
from yolox_ela.tables.record import CONDITIONS
from yolox_ela.tables.results import results_tables


@pytest.fixture
def by_seed(build_row):
    """Rows of an experiment from AP50 07 in percent, seeds counted from 0."""

    def build(exp, *scores, **values):
        return [
            build_row(exp=exp, seed=seed, ap50_voc07=score / 100, **values)
            for seed, score in enumerate(scores)
        ]

    return build


def rows_of(table):
    return {row["exp"]: row for row in table.rows}


class TestNumbers:
    def test_mean_and_deviation(self, by_seed):
        (table,) = results_tables(by_seed("nano", 70.0, 71.0, 75.0))
        (row,) = table.rows
        assert row["runs"] == 3
        assert row["ap50_voc07"] == pytest.approx(72.0)
        assert row["ap50_voc07_sd"] == pytest.approx(7**0.5)  # (4 + 1 + 9) / 2
        assert "72.00 ± 2.65" in render([table], "text")
        assert row["ap50"] == pytest.approx(71.0)
        assert row["ap50_95_sd"] == pytest.approx(0.0)

    def test_one_run_has_no_deviation(self, by_seed):
        (table,) = results_tables(by_seed("nano", 70.0))
        assert table.rows[0]["ap50_voc07_sd"] is None
        assert "±" not in render([table], "text")

    def test_difference_to_the_baseline(self, by_seed):
        rows = by_seed("nano_se", 71.0, 73.0, 72.0) + by_seed("nano", 70.0, 71.0, 69.0)
        (table,) = results_tables(rows)
        nano, se = table.rows
        assert nano["exp"] == "nano", "the baseline leads"
        assert (nano["difference"], nano["pairs"]) == (None, None)
        assert se["difference"] == pytest.approx(2.0)
        assert (se["interval_low"], se["interval_high"]) == pytest.approx((-0.4841, 4.4841), 1e-4)
        assert "+2.00 [-0.48, +4.48] (n=3)" in render([table], "text")

    def test_interval_needs_two_common_seeds(self, by_seed):
        rows = by_seed("nano", 70.0) + by_seed("nano_se", 71.0, 73.0)
        (table,) = results_tables(rows)
        assert "+1.00 (n=1)" in render([table], "text")
        assert rows_of(table)["nano_se"]["interval_low"] is None

    def test_no_common_seed(self, build_row):
        (table,) = results_tables([build_row(), build_row(exp="nano_se", seed=1)])
        assert "n=0" in render([table], "text")
        assert rows_of(table)["nano_se"]["difference"] is None

    def test_no_baseline_no_difference(self, by_seed):
        rows = by_seed("nano_eca", 70.0, 70.1) + by_seed("nano_se", 71.0, 73.0)
        (table,) = results_tables(rows)
        assert not any("difference" in row for row in table.rows)


class TestGroups:
    @pytest.mark.parametrize(
        "other",
        [
            {"data": "dev"},
            {"protocol": "voc0712"},
            {"train_sets": "2012/trainval"},
            {"train_images": 100},
            {"test_sets": "2007/test, images of few.txt"},
            {"test_images": 100},
            {"epochs": 8},
            {"start": "random"},
            {"start": "coco_legacy"},
            {"start_sha256": "ef" * 32},
            {"settings": "lr=0.01"},
            {"image_size": 416},
            {"score_threshold": 0.05},
            {"nms_iou": 0.5},
            {"weights": "best"},
        ],
        ids=lambda other: next(iter(other)),
    )
    def test_never_pooled_or_compared(self, other, build_row):
        assert other.keys() <= set(CONDITIONS)
        tables = results_tables([build_row(), build_row(exp="nano_se", **other)])
        assert [[row["exp"] for row in table.rows] for table in tables] in (
            [["nano"], ["nano_se"]],
            [["nano_se"], ["nano"]],
        )
        assert tables[0].title != tables[1].title, "a reader sees what differs"

    def test_machine_commit_and_day_do_not_part_runs(self, build_row):
        rows = [build_row(), build_row(seed=1, commit="fedcba987+changes", date="2025-12-01")]
        (table,) = results_tables(rows)
        text = render([table], "text")
        assert "Source 0123456, fedcba9+changes" in text
        assert "2025-11-21 to 2025-12-01" in text

    def test_random_starts_differ_by_seed_and_are_compared(self, build_row):
        rows = [
            build_row(start="random", seed=seed, start_sha256=f"{seed}" * 64) for seed in (0, 1, 2)
        ]
        (table,) = results_tables(rows)
        assert table.rows[0]["runs"] == 3
        assert "from random weights, usual" in table.title

    def test_zero_shot_first_and_without_the_papers_number(self, build_row):
        zero_shot = build_row(
            seed=None, epochs=0, start="coco_legacy", train_sets="", train_images=None,
            protocol="custom", weights="", ap50_voc07=0.71,
        )  # fmt: skip
        first, second = results_tables([build_row(), zero_shot])
        assert (
            "COCO weights (legacy release, folded) [cdcdcdcd] without any training" in first.title
        )
        assert "paper" not in render([first], "text")
        assert second.rows[0]["paper_map"] == 73.26

    def test_weights_from_elsewhere(self, build_row):
        foreign = build_row(
            exp="nano_ela_authors", seed=None, epochs=None, start="theirs.pth", train_sets="",
            train_images=None, protocol="custom", weights="", settings="",
        )  # fmt: skip
        (table,) = results_tables([foreign])
        assert "weights of theirs.pth [cdcdcdcd], trained elsewhere" in table.title
        assert "epochs" not in table.title

    def test_title_states_the_conditions(self, build_row):
        (table,) = results_tables([build_row(settings="lr=0.01")])
        for fact in (
            "VOC, protocol voc07",
            "trained on 2007/trainval (5,011 images) for 72 epochs from COCO weights",
            "lr=0.01",
            "2007/test (4,952 images) at 640 px",
            "score >= 0.01",
            "NMS IoU 0.65",
            "the last epoch's weights",
        ):
            assert fact in table.title


class TestRepeatedSeeds:
    def test_recorded_twice_is_one_run(self, build_row):
        (table,) = results_tables([build_row(), build_row(date="2025-12-01")])
        assert table.rows[0]["runs"] == 1
        assert not any("again" in note for note in table.notes)

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_newest_counts_and_a_note_tells(self, newest_first, build_row):
        old = build_row(ap50_voc07=0.70, date="2025-11-20")
        new = build_row(ap50_voc07=0.72, date="2025-11-21")
        (table,) = results_tables([new, old] if newest_first else [old, new])
        assert table.rows[0]["runs"] == 1
        assert table.rows[0]["ap50_voc07"] == pytest.approx(72.0)
        (note,) = [note for note in table.notes if "again" in note]
        assert "nano seed 0" in note
        assert "72.00 replaces 70.00" in note

    def test_of_one_day_the_last_in_the_file(self, build_row):
        (table,) = results_tables([build_row(ap50_voc07=0.72), build_row(ap50_voc07=0.70)])
        assert table.rows[0]["ap50_voc07"] == pytest.approx(70.0)


class TestBold:
    NOTE = "No method is best by these runs"

    def test_clearly_ahead(self, by_seed):
        rows = by_seed("nano", 70.0, 70.4, 69.8) + by_seed("nano_se", 72.0, 72.5, 71.7)
        (table,) = results_tables(rows)
        assert "| **nano_se**" in render([table], "markdown")
        assert "**nano**" not in render([table], "markdown")
        assert rows_of(table)["nano_se"]["clearly_best"] is True
        assert self.NOTE not in render([table], "text")

    def test_within_the_noise(self, by_seed):
        rows = by_seed("nano", 70.0, 70.4, 69.8) + by_seed("nano_se", 75.0, 69.0, 74.0)
        (table,) = results_tables(rows)
        assert "**nano" not in render([table], "markdown")
        assert self.NOTE in render([table], "text")

    def test_one_run_each(self, by_seed):
        (table,) = results_tables(by_seed("nano", 70.0) + by_seed("nano_se", 90.0))
        assert "**nano" not in render([table], "markdown")
        assert self.NOTE in render([table], "text")

    def test_nothing_to_compare(self, by_seed):
        (table,) = results_tables(by_seed("nano", 70.0, 71.0))
        assert "**nano" not in render([table], "markdown")
        assert self.NOTE not in render([table], "text")


class TestPaper:
    def test_caveat_beside_its_numbers(self, by_seed):
        text = render(results_tables(by_seed("nano", 70.0)), "text")
        assert "73.26" in text
        assert "not on this scale" in text
        assert "74.36" not in text, "only where ELA is shown"

    def test_ela_label(self, by_seed):
        text = render(results_tables(by_seed("nano", 70.0) + by_seed("nano_ela_s", 71.0)), "text")
        assert "ELA-T by the paper's section 3.3" in text

    def test_method_that_the_paper_lacks(self, by_seed):
        (table,) = results_tables(by_seed("nano", 70.0) + by_seed("nano_mine", 71.0))
        assert rows_of(table)["nano_mine"]["paper_map"] is None


def test_no_rows_no_tables():
    assert results_tables([]) == []
