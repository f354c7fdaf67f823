"""A study of two methods: stopped, crashed, run to its end, and recomputed."""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from devkit import devkit
from forked import Program

from yolox_ela.evaluate.saved import load_evaluation
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.study import side_by_side
from yolox_ela.study.records import load_objects, load_record
from yolox_ela.tables.record import read_rows

pytestmark = pytest.mark.slow

# From the package's own weights, which detect some pictograms even at this size.
STUDY = """
[study]
question = "Does it go on?"
baseline = "whole"
seeds = [0]
start = "nano_ela_s"

[methods.whole]
exp = "nano_ela_s"

[methods.fragile]
exp = "fragile.py"

[recipes.tiny]
base = "tuned"
image_size = 96
multiscale = 0
lr = 1e-6
warmup_steps = 1
epochs = 2
eval_interval = 2
evaluate_start = "never"
batch_size = 10

[data.sample]
"""

# It fails once, in the middle of a training, for as long as there is a file beside it.
FRAGILE = """
from pathlib import Path

from yolox_ela.attention import ela_s
from yolox_ela.experiment import Experiment

FLAG = Path(__file__).with_name("flag")


def fails_once(module, inputs):
    if module.training and len(inputs[0]) == 10 and FLAG.exists():
        FLAG.unlink()
        raise RuntimeError("out of luck")


def fragile(channels):
    module = ela_s(channels)
    module.register_forward_pre_hook(fails_once)
    return module


exp = Experiment(attention=fragile)
"""
SETTINGS = ["image_size=96", "multiscale=0", "lr=1e-6", "warmup_steps=1", "eval_interval=2"]
SETTINGS += ["evaluate_start=never", "batch_size=10", "workers=0", "seed=0", "epochs=2"]
SETTINGS += ["--recipe", "tuned"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.toml").write_text(STUDY)
    (folder / "fragile.py").write_text(FRAGILE)
    return folder


@pytest.fixture
def forked_trainings(monkeypatch, project):
    """Trainings need not import anew what is imported here; side by side is tested elsewhere."""

    def start(words, *, stdout, env, **_):
        command = [str(project / "tools" / "train.py"), *words[words.index("train") + 1 :]]
        return Program(command, Path.cwd(), log=stdout, environment=env)

    parts = {name: getattr(subprocess, name) for name in ("DEVNULL", "STDOUT")}
    monkeypatch.setattr(side_by_side, "subprocess", SimpleNamespace(Popen=start, **parts))


def interrupt_when(log: Path, text: str) -> threading.Thread:
    """Send this process SIGTERM once a log says so."""

    def wait():
        end = time.monotonic() + 300
        while time.monotonic() < end:
            if log.is_file() and text in log.read_text():
                os.kill(os.getpid(), signal.SIGTERM)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def recomputed(record, split):
    """AP50 07 by an evaluation that is slow and written apart."""
    aps = [devkit(split, record.detections, label, 0.5)[0] for label in range(len(split.classes))]
    return np.mean([ap[0] for ap in aps if ap is not None])


@pytest.mark.usefixtures("forked_trainings")
def test_a_study(call, project, data, folder, tmp_path):
    words = ["tools/study.py", folder / "study.toml", "--data", data, "--device", "cpu"]
    runs, records = (folder / part / "sample" / "tiny" for part in ("runs", "detections"))

    # Stopped in the middle of the first run.
    thread = interrupt_when(runs / "whole-0.log", "epoch 1/2")
    done = call(*words, "--jobs", "1", expect=130)
    thread.join()
    assert "stopped with 0 of 2 runs recorded" in done.stderr
    assert "no zero-shot row for sample" in done.stderr, "the start is not COCO's own"
    assert (runs / "whole-0" / "state.pth").is_file()
    assert not (folder / "results.csv").exists()

    # The same command goes on. One run crashes and leaves the others.
    (folder / "flag").write_text("")
    done = call(*words, "--jobs", "2", expect=1)
    assert done.stderr.count("error: fragile, seed") == 1
    assert "RuntimeError: out of luck" in done.stderr
    rows = read_rows(folder / "results.csv")
    assert [row.exp for row in rows] == ["nano_ela_s"]
    before = {path: path.stat().st_mtime_ns for path in records.glob("*.npz")}

    # Once more: only the run that failed is run.
    done = call(*words, "--jobs", "2")
    assert "2 runs, 1 of them recorded" in done.stderr
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    rows = read_rows(folder / "results.csv")
    assert [row.exp for row in rows] == ["nano_ela_s", "fragile"]
    assert "AP50 07 vs whole [95% interval]" in done.stdout
    assert "fragile and whole: no difference is shown" in done.stdout
    assert (folder / "table.md").is_file()
    assert (folder / "differences.png").is_file()

    # The run that was stopped is the one that was not: the same row, the same detections.
    whole = tmp_path / "whole"
    start = ["-f", "nano_ela_s", "-c", "nano_ela_s", "--data", data, "--device", "cpu"]
    record = ["--record", tmp_path / "row.csv", "--no-report", "-o", whole]
    call("tools/train.py", *start, *SETTINGS, *record)
    (row,) = read_rows(tmp_path / "row.csv")
    assert all(getattr(row, metric) == getattr(rows[0], metric) for metric in METRICS)
    assert (row.settings, row.data) == (rows[0].settings, rows[0].data)
    kept = load_record(records / "whole-0.npz")
    found = load_evaluation(whole / "evaluation.npz").detections
    order = np.argsort(-found.scores, kind="stable")
    np.testing.assert_allclose(kept.detections.boxes, found.boxes[order], atol=1 / 1024)

    # A recorded score follows from the recorded detections.
    split = load_objects(records / "objects.npz")
    assert rows[0].ap50_voc07 > 0.02
    assert recomputed(kept, split) == pytest.approx(rows[0].ap50_voc07, abs=1e-9)

    # The table alone needs neither data nor runs.
    shutil.rmtree(folder / "runs")
    page = tmp_path / "page.md"
    page.write_text(f"<!-- study {folder.name} -->\n<!-- /study {folder.name} -->\n")
    again = call("tools/study.py", folder, "--table", "--into", page)
    assert again.stdout == done.stdout
    assert "| whole " in page.read_text()
    short = ["--table", "--into", page, "--rows"]
    call("tools/study.py", folder, *short, "fragile")
    assert "| fragile " in page.read_text()
    assert "whole and" not in page.read_text()
    assert "| whole " not in page.read_text()
    assert (folder / "table.md").read_text().count("\n| whole ") == 1, "which stays complete"

    # What is recorded was asked for otherwise.
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text.replace("lr = 1e-6", "lr = 1e-5"))
    done = call(*words, expect=2)
    assert "lr was 1e-06, is 1e-05; undo the change" in done.stderr


@pytest.mark.parametrize(
    ("before", "after", "words", "message"),
    [
        ("", "", ["--data", "/nowhere"], "--data /nowhere: there is no such folder or file"),
        ("", "", ["--data", "samples=/"], "the study has no data 'samples'; did you mean sample?"),
        ("", "", ["--table"], "no run of"),
        ("", "", ["--rows", "whole"], "give a file with --into, too"),
        ("", "", ["--rows", "fragil"], "the study has no such method; did you mean fragile?"),
        ("", "", ["--table", "--jobs", "2"], "--table starts no run, without effect on it: --jobs"),
        ("[data.sample]", '[data.sample]\ntest_sets = ["2007/tets"]', [], "no split file"),
        ("image_size = 96", 'attention = "elas"', [], "whole, seed 0 (sample, tiny)"),
        ("seeds = [0]", "seeds = [0, 0]", [], "seed 0 is named twice"),
    ],
)
def test_mistakes(call, project, data, tmp_path, before, after, words, message):
    """Each gets one error before anything is run."""
    (tmp_path / "fragile.py").write_text(FRAGILE)
    (tmp_path / "study.toml").write_text(STUDY.replace(before, after) if before else STUDY)
    if not any(word.startswith(("--data", "--table")) for word in words):
        words = [*words, "--data", data]
    done = call("tools/study.py", tmp_path / "study.toml", *words, expect=2)
    assert message in done.stderr
    assert done.stderr.count("error:") == 1
    assert not (tmp_path / "runs").exists()
