"""One run, one folder: real runs at the same time, refused ones, killed ones."""

import json
import os
import signal
import socket

import pytest
import torch
from command_line import REPORTED, SMALL, epochs, exp, tree
from forked import Program

from yolox_ela.system import claim
from yolox_ela.train import tracker_names
from yolox_ela.train.trackers import TRACKERS

pytestmark = pytest.mark.slow

FILES = {"config.json", "environment.json", "train.log", "metrics.csv", "state.pth", "last.pth"}


@pytest.fixture
def begin(project, data):
    """Start a small training in a process of its own; it is killed at the end of the test."""
    begun = []

    def begin(name, *words, small=SMALL):
        command = ["tools/train.py", "-f", exp(project, name), "--data", data]
        begun.append(Program([*map(str, [*command, "-c", "none", *small, *words])], project))
        return begun[-1]

    yield begin
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.rest()


def wait_for(process, text):
    lines = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return
    pytest.fail("".join(lines))


def config(folder):
    return json.loads((folder / "config.json").read_text())


def test_two_runs_at_the_same_time(begin, project):
    processes = [begin("nano_eca", "seed", seed, small=epochs(1)) for seed in (1, 2)]
    for process in processes:
        err = process.rest()
        assert process.returncode == 0, err
    folders = [project / "runs" / name for name in ("nano_eca", "nano_eca-2")]
    assert {config(folder)["seed"] for folder in folders} == {1, 2}
    for folder in folders:
        assert {path.name for path in folder.iterdir()} >= FILES
        (entry,) = json.loads((folder / "environment.json").read_text())
        seed = config(folder)["seed"]
        assert entry["command"].endswith(f"seed {seed}")
        for name in ("state", "last"):
            content = torch.load(folder / f"{name}.pth", weights_only=True)
            assert content["recipe"]["seed"] == seed
    assert len(list((project / "runs").glob("nano_eca*"))) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs SIGSTOP")
def test_killed_resumed_and_held(begin, call, trained, project, data, monkeypatch):
    """A killed run holds nothing; the resumed one refuses its folder to all others."""
    first = begin("nano_sa")
    wait_for(first, "epoch 2/3")  # so the first is saved
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    folder = project / "runs" / "nano_sa"
    assert (folder / ".holder.json").is_file()

    second = begin("nano_sa", "--resume")
    wait_for(second, "resumed at step")
    wait_for(second, "weights: ")
    os.killpg(second.pid, signal.SIGSTOP)  # it lives on through all that follows
    before = tree(folder)
    images = data / "VOCdevkit" / "VOC2007" / "JPEGImages"
    monkeypatch.setattr(claim, "PATIENCE", 0.1)  # seconds, for each of those who ask in vain
    held = f"is in use by process {second.pid} on {socket.gethostname()} since "
    train = ["tools/train.py", "-f", exp(project, "nano_sa"), "--data", data, "-c", "none", *SMALL]
    for words in (
        [*train, "--resume"],
        [*train, "--resume", "-o", folder],
        [*train, "--resume", "-d", "2"],
        [*train, "-o", folder],
        ["tools/eval.py", *train[1:5], "-c", folder / "last.pth", "--report", folder],
        ["tools/report.py", trained[0], "-o", folder],
        ["tools/demo.py", *train[1:3], "-c", folder / "last.pth", images, "-o", folder],
    ):
        message = call(*words, expect=2).stderr
        assert message.count("error:") == 1, words
        assert f"nano_sa {held}" in message, words
    assert tree(folder) == before
    os.killpg(second.pid, signal.SIGCONT)
    rest = second.rest()
    assert second.returncode == 0, rest
    assert "epoch 3/3" in rest
    assert not (folder / ".holder.json").exists()
    log = (folder / "train.log").read_text()
    assert "resumed at step" in log, "also what is said before the first file is written"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed", "3", "lr", "0.5"], "lr was 0.02, is 0.5"),
        (["seed", "3", "train_sets", "2007/test", "test_sets", "2007/trainval"], "other settings"),
        (["seed", "4"], "seed was 3, is 4"),
    ],
)
def test_a_refused_resumption_changes_nothing(call, trained, project, data, words, message):
    folder = trained[0]
    before = tree(folder)
    words = ["-f", exp(project), "--data", data, "-o", folder, "--resume", *SMALL, *words]
    assert message in call("tools/train.py", *words, expect=2).stderr
    after = tree(folder)
    assert {path.name for path in after.keys() ^ before.keys()} <= {".lock"}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("named", [True, False])
def test_a_refused_start_leaves_no_folder(call, project, data, tmp_path, monkeypatch, named):
    class Broken:
        remedy = "look for the server"

        def __init__(self, folder, identity):
            self.folder = folder

        def start(self):
            assert (self.folder.path / "config.json").is_file()
            raise ConnectionError("the server is gone")

        def end(self, *, failed):
            raise AssertionError("it has not started")

    monkeypatch.setitem(TRACKERS, "json", Broken)  # by the name of any package
    monkeypatch.setattr(tracker_names, "TRACKER_NAMES", tuple(TRACKERS))
    before = sorted((project / "runs").iterdir())
    words = ["-f", exp(project), "--data", data, "-c", "none", "--no-report", *REPORTED]
    words += ["-o", tmp_path / "r"] if named else []
    done = call("tools/train.py", *words, "--tracker", "tensorboard", "json", expect=2)
    assert "--tracker json cannot start: ConnectionError: the server is gone" in done.stderr
    assert not (tmp_path / "r").exists()
    assert sorted((project / "runs").iterdir()) == before
