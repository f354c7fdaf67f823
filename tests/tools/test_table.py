"""From --record to the table, as a user runs them, and the table in exps/README.md."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from command_line import ONE_EPOCH, PROJECT, exp
from forked import Program, run_script

from yolox_ela.datasets.sample import generate_sample
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.report.curves import read_metrics
from yolox_ela.tables.record import append_row, read_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A checkout of its own without recorded runs."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("tools", "exps"):
        shutil.copytree(PROJECT / folder, root / folder)
    (root / "exps" / "results.csv").unlink(missing_ok=True)
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A generated data set of 20 and 8 images."""
    return generate_sample(tmp_path_factory.mktemp("generated"), train_images=20, test_images=8)


@pytest.fixture(scope="module")
def trained(project, data):
    """The one row of a run of one epoch, and the run's folder."""
    words = ["-f", exp(project, "nano"), "--data", data, "-c", "none", "--record", *ONE_EPOCH]
    process = Program([*map(str, ["tools/train.py", *words, "seed", "3"])], project)
    said = process.rest()
    assert process.returncode == 0, said
    assert "recorded in" in said
    (row,) = read_rows(project / "exps" / "results.csv")
    return row, project / "runs" / "nano"


class TestTrain:
    def test_row(self, trained, data):
        row, folder = trained
        assert (row.exp, row.seed, row.epochs, row.start) == ("nano", 3, 1, "random")
        assert (row.data, row.protocol) == (data.name, "custom")
        assert (row.train_sets, row.train_images) == ("2007/trainval", 20)
        assert (row.test_sets, row.test_images) == ("2007/test", 8)
        assert row.settings == "batch_size=6; final_fraction=0.33"
        assert (row.image_size, row.weights) == (64, "last")
        assert torch.load(folder / "best.pth", weights_only=True)["weights"] == "best"
        final = json.loads((folder / "results.json").read_text())
        assert (row.ap50_voc07, row.ap50, row.ap50_95) == (
            final["ap50_voc07"],
            final["ap50"],
            final["ap50_95"],
        )

    def test_resumed(self, call, trained, project, data, tmp_path):
        """Continuing a complete run trains nothing: the same row, with its start."""
        words = ["-f", exp(project, "nano"), "--data", data, *ONE_EPOCH, "seed", "3", "--resume"]
        file = tmp_path / "again.csv"
        call("tools/train.py", *words, "--record", file)
        assert read_rows(file) == [trained[0]]

    def test_two_processes_follow_the_same_schedule(
        self, trained, project, data, tmp_path, monkeypatch
    ):
        """Started by the program, which works in the current folder, and recorded once.

        With what both have found.
        """
        one, folder = trained
        words = ["-f", exp(project, "nano"), "--data", data, "-c", "none", "-d", "2", "seed", "3"]
        words += ["--record", tmp_path / "rows.csv", *ONE_EPOCH]
        monkeypatch.setenv("PYTHONPATH", str(PROJECT))  # for the processes that it starts
        program = PROJECT / "yolox_ela" / "__main__.py"
        done = run_script([str(program), "train", *map(str, words)], tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        two = tmp_path / "runs" / "nano"
        (mine,), (theirs,) = (read_metrics(run / "metrics.csv") for run in (folder, two))
        assert (mine["step"], mine["lr"]) == (theirs["step"], theirs["lr"])
        # Halves of a batch have their own BatchNorm and their own number of positives.
        assert theirs["loss"] == pytest.approx(mine["loss"], rel=0.3)
        results = json.loads((two / "results.json").read_text())
        assert results["images"] == 8, "every image once, over both processes"
        (row,) = read_rows(tmp_path / "rows.csv")
        assert row.ap50_voc07 == results["ap50_voc07"]
        found = {name: getattr(row, name) for name in ("per_class", *METRICS)}
        assert row == replace(one, **found)


class TestEval:
    def test_same_row_as_training(self, call, trained, project, data, tmp_path):
        file = tmp_path / "eval.csv"
        words = ["-f", exp(project, "nano"), "-c", trained[1] / "last.pth", "--data", data]
        words += ["--device", "cpu", "--record", file, "--data-name", "renamed"]
        call("tools/eval.py", *words)
        assert read_rows(file) == [replace(trained[0], data="renamed")]

    def test_zero_shot(self, call, shared, project, data, tmp_path):
        file = tmp_path / "eval.csv"
        weights = shared / "weights" / "yolox_nano_coco.pth"
        words = ["-f", exp(project), "--zero-shot", "-c", weights, "--data", data]
        call(
            "tools/eval.py",
            *words,
            "--device",
            "cpu",
            "--record",
            file,
            "image_size",
            "64",
        )
        (row,) = read_rows(file)
        assert (row.exp, row.epochs, row.start, row.seed) == ("nano", 0, "coco_legacy", None)
        assert row.start_sha256.startswith("79c2d023")


class TestMistakes:
    """Found before any work."""

    @pytest.mark.parametrize(("tool", "more"), [("train", ()), ("eval", ("-c", "coco"))])
    def test_file_with_other_columns(self, call, tool, more, project, data, tmp_path):
        file = tmp_path / "mine.csv"
        file.write_text("a,b\n1,2\n")
        words = ["-f", exp(project, "nano"), *more, "--data", data, "--record", file]
        done = call(f"tools/{tool}.py", *words, expect=2)
        assert done.stderr.startswith(f"error: {file} does not have the columns")
        assert file.read_text() == "a,b\n1,2\n"

    def test_no_rows(self, call, project, tmp_path):
        (tmp_path / "empty.csv").touch()
        words = ["results", "--from", tmp_path / "empty.csv"]
        assert "has no rows" in call("tools/table.py", *words, expect=2).stderr


class TestTable:
    @pytest.fixture
    def recorded(self, trained, tmp_path):
        append_row(tmp_path / "results.csv", trained[0])
        return tmp_path / "results.csv"

    def test_into_a_file(self, call, recorded, project, tmp_path):
        output = tmp_path / "table.json"
        words = ["results", "--from", recorded, "--json", output]
        assert call("tools/table.py", *words).stdout == ""
        (table,) = json.loads(output.read_text())
        assert "for 1 epoch from random weights" in table["title"]
        assert table["rows"][0]["exp"] == "nano"

    def test_into_blocks(self, call, recorded, project, tmp_path):
        files = [tmp_path / "A.md", tmp_path / "B.md"]
        for file in files:
            file.write_text(
                f"# {file.name}\n<!-- results -->\nfrom before\n<!-- /results -->\nend\n"
            )
        call("tools/table.py", "results", "--from", recorded, "--into", *files)
        for file in files:
            text = file.read_text()
            assert text.startswith(f"# {file.name}\n<!-- results -->\n")
            assert text.endswith("<!-- /results -->\nend\n")
            assert "| nano" in text
            assert "from before" not in text


BLOCKS = [
    ("exps/README.md", "results"),
    ("docs/results.md", "summary"),
    ("exps/README.md", "speed --from exps/speed.json"),
]


@pytest.mark.parametrize(("file", "command"), BLOCKS, ids=[command for _, command in BLOCKS])
def test_tables_in_the_documentation_are_generated(call, file, command, tmp_path):
    """Whoever changes a record or a table regenerates the table."""
    copy = tmp_path / "README.md"
    shutil.copy(PROJECT / file, copy)
    words = [word if word != "exps/speed.json" else PROJECT / word for word in command.split()]
    call("tools/table.py", *words, "--into", copy, root=PROJECT)
    assert copy.read_text(encoding="utf-8") == (PROJECT / file).read_text(encoding="utf-8"), (
        f"python tools/table.py {command} --into {file}"
    )


def test_rows_of_the_table_of_sizes_are_generated(call, tmp_path):
    """Three of them; what all are to count is in attention/test_paper_numbers.py."""
    table = (PROJECT / "exps" / "README.md").read_text(encoding="utf-8")
    rows = [line.split() for line in table.splitlines()]
    names = ["nano", "nano_ela_authors", "nano_ela_s"]
    copy = tmp_path / "README.md"
    copy.write_text(table, encoding="utf-8")
    call("tools/table.py", "complexity", "-f", *names, "--into", copy, root=PROJECT)
    block = copy.read_text(encoding="utf-8").partition("<!-- complexity -->")[2]
    block = block.partition("<!-- /complexity -->")[0]
    lines = [line.split() for line in block.splitlines() if line.startswith(("| nano", "- "))]
    assert [line[1] for line in lines[: len(names)]] == names
    assert all(line in rows for line in lines), (
        "python tools/table.py complexity --into exps/README.md"
    )
