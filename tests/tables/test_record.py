"""results.csv: nothing recorded is lost, nothing malformed is read."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from yolox_ela.errors import UserError
from yolox_ela.tables.record import COLUMNS, append_row, read_rows, require_record

PROJECT = Path(__file__).resolve().parents[2]


class TestRoundTrip:
    def test_every_value_comes_back(self, build_row, tmp_path):
        trained = build_row()
        foreign = build_row(seed=None, epochs=None, train_images=None, train_sets="", weights="")
        odd = build_row(data='a "name", with everything', settings="lr=0.01; classes=cat,dog")
        path = tmp_path / "new folder" / "results.csv"
        for row in (trained, foreign, odd):
            append_row(path, row)
        assert read_rows(path) == [trained, foreign, odd]

    def test_columns_and_one_line_a_row(self, build_row, tmp_path):
        path = tmp_path / "results.csv"
        append_row(path, build_row(ap50=0.5))
        header, line = path.read_text().splitlines()
        assert header.startswith("exp,seed,data,protocol,train_sets,train_images,test_sets")
        assert line.startswith("nano,0,VOC,voc07,2007/trainval,5011,2007/test,4952,72,coco,cdcd")

    def test_rows_before_stay_as_they_are(self, build_row, tmp_path):
        path = tmp_path / "results.csv"
        append_row(path, build_row())
        before = path.read_bytes()
        append_row(path, build_row(seed=1))
        assert path.read_bytes().startswith(before)

    def test_last_line_without_an_end(self, build_row, tmp_path):
        path = tmp_path / "results.csv"
        append_row(path, build_row())
        path.write_bytes(path.read_bytes().rstrip(b"\n"))
        append_row(path, build_row(seed=1))
        assert [row.seed for row in read_rows(path)] == [0, 1]

    def test_saved_by_a_spreadsheet(self, build_row, tmp_path):
        path = tmp_path / "results.csv"
        append_row(path, build_row())
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        append_row(path, build_row(seed=1))
        assert read_rows(path) == [build_row(), build_row(seed=1)]

    @pytest.mark.parametrize("name", ["results.csv", "history.csv"])
    def test_the_projects_own_files(self, name, tmp_path):
        recorded = PROJECT / "exps" / name
        for row in read_rows(recorded):
            append_row(tmp_path / name, row)
        assert (tmp_path / name).read_bytes() == recorded.read_bytes()

    def test_sizes_of_squares_and_rectangles(self, build_row, tmp_path):
        """A square is one number, however it is given; a rectangle is height and width."""
        path = tmp_path / "results.csv"
        rows = [build_row(image_size=size) for size in (320, (320, 320), (192, 320))]
        for row in rows:
            append_row(path, row)
        lines = path.read_text().splitlines()
        assert [",320,0.01," in line for line in lines[1:]] == [True, True, False]
        assert ',"192,320",0.01,' in lines[3]
        assert read_rows(path) == rows
        assert rows[0] == rows[1]
        path.write_text(path.read_text().replace('"192,320"', "192x320"))
        with pytest.raises(UserError, match="column image_size: '192x320' is not a multiple of 32"):
            read_rows(path)

    def test_columns_in_another_order(self, build_row, tmp_path):
        path = tmp_path / "results.csv"
        path.write_text(",".join(reversed(COLUMNS)) + "\n")
        append_row(path, build_row(seed=7))
        assert path.read_text().splitlines()[1].endswith(",VOC,7,nano")
        assert read_rows(path) == [build_row(seed=7)]

    def test_file_from_before_a_column(self, build_row, tmp_path):
        """It reads as its default; a row that has a value for it is not added without it."""
        path = tmp_path / "results.csv"
        append_row(path, build_row(start_sha256=""))
        with path.open(newline="") as file:
            lines = [[*line[:10], *line[11:]] for line in csv.reader(file)]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(lines)
        assert "start_sha256" not in path.read_text()
        assert read_rows(path) == [build_row(start_sha256="")]
        with pytest.raises(UserError, match=r"it lacks start_sha256; .* a cell in each row for"):
            append_row(path, build_row())

    def test_empty_file(self, build_row, tmp_path):
        path = tmp_path / "results.csv"
        path.touch()
        assert read_rows(path) == []
        append_row(path, build_row())
        assert read_rows(path) == [build_row()]


def test_runs_that_end_at_once_keep_all_rows(build_row, tmp_path):
    """Four processes with 50 rows each, into a file that none of them finds there."""
    path = tmp_path / "results.csv"
    append_row(tmp_path / "one.csv", build_row())
    code = (
        "import sys, pathlib, dataclasses\n"
        "from yolox_ela.tables.record import append_row, read_rows\n"
        "one, path, first = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]\n"
        "(row,) = read_rows(one)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
        "for i in range(50):\n"
        "    append_row(path, dataclasses.replace(row, seed=int(first) + i))\n"
    )
    words = [sys.executable, "-c", code, tmp_path / "one.csv", path]
    processes = [
        subprocess.Popen(
            [*words, str(first)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for first in (0, 50, 100, 150)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.close()
    for process in processes:
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    assert sorted(row.seed for row in read_rows(path)) == list(range(200))


class TestRefused:
    @pytest.fixture
    def recorded(self, build_row, tmp_path):
        path = tmp_path / "results.csv"
        append_row(path, build_row())
        append_row(path, build_row(seed=1))
        return path

    def edit(self, path, column, text):
        """Change a cell of the second row, which is line 3."""
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        rows[2][COLUMNS.index(column)] = text
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def test_scores_that_there_are_not(self, build_row):
        """Where no object counts, there is no mean."""
        with pytest.raises(ValueError, match="column ap50_95: None must be a finite number"):
            build_row(ap50_95=None)

    @pytest.mark.parametrize(
        ("header", "culprit"),
        [
            ("exp,mAP", "lacks seed"),
            (",".join([*COLUMNS, "luck"]), "'luck' besides"),
            (",".join([*COLUMNS, "seed"]), "has seed twice"),
            (";".join(COLUMNS), "lacks exp"),
        ],
    )
    def test_other_columns(self, header, culprit, build_row, tmp_path):
        path = tmp_path / "results.csv"
        path.write_text(f"{header}\n1,2\n")
        before = path.read_bytes()
        for attempt in (
            lambda: append_row(path, build_row()),
            lambda: require_record(path),
            lambda: read_rows(path),
        ):
            with pytest.raises(UserError, match=culprit) as caught:
                attempt()
            assert str(path) in str(caught.value)
            assert "name another file" in str(caught.value)
        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        ("column", "text", "message"),
        [
            ("ap50", "0,71", "'0,71' is not a number"),
            ("ap50", "", "'' is not a number"),
            ("ap50_voc07", "71.3", "71.3 must be between 0 and 1"),
            ("ap50_voc07", "nan", "nan must be a finite number"),
            ("seed", "one", "'one' is not a whole number"),
            ("epochs", "-3", "-3 must be at least 0"),
            ("protocol", "voc08", "'voc08' must be voc07, voc0712 or custom"),
            ("exp", "", "must be a text that is not empty"),
            ("date", "21.11.2025", "'21.11.2025' must be a day as in 2025-12-31"),
            ("start_sha256", "79c2", "'79c2' must be empty or 64 hexadecimal digits"),
        ],
    )
    def test_malformed_cell(self, column, text, message, recorded):
        self.edit(recorded, column, text)
        with pytest.raises(UserError, match="fix or delete the line") as caught:
            read_rows(recorded)
        assert f"{recorded}, line 3, column {column}: " in str(caught.value)
        assert message in str(caught.value)

    def test_line_that_was_cut_off(self, recorded):
        recorded.write_bytes(recorded.read_bytes()[:-60])
        with pytest.raises(UserError, match=r"line 3 has \d+ cells instead of 23"):
            read_rows(recorded)

    def test_no_file(self, tmp_path):
        with pytest.raises(UserError, match="--record"):
            read_rows(tmp_path / "results.csv")

    def test_not_a_csv_file(self, tmp_path):
        with pytest.raises(UserError, match=r"ends in \.csv"):
            require_record(tmp_path / "lr")

    def test_folder(self, tmp_path):
        (tmp_path / "results.csv").mkdir()
        with pytest.raises(UserError, match="cannot write"):
            require_record(tmp_path / "results.csv")

    def test_not_text(self, tmp_path):
        path = tmp_path / "results.csv"
        path.write_bytes(b"\x89PNG\r\n\x1a\n\x00")
        for attempt in (require_record, read_rows):
            with pytest.raises(UserError, match=r"results\.csv"):
                attempt(path)

    def test_checking_writes_nothing(self, tmp_path):
        require_record(tmp_path / "results.csv")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("content", ["x" * 200_000, '"' + "x" * 200_000], ids=["long", "open"])
    def test_a_cell_without_end(self, tmp_path, content):
        path = tmp_path / "results.csv"
        path.write_text(content)
        for attempt in (require_record, read_rows):
            with pytest.raises(UserError, match=r"field larger than.*; save it as CSV"):
                attempt(path)
