"""A process that is killed at any call of a save leaves a run that can be resumed."""

import gc
import io
import os
import signal
import sys

import pytest
import torch

from yolox_ela.network.weights import read_checkpoint
from yolox_ela.system.claim import claim_folder
from yolox_ela.train.checkpoint import save_checkpoint
from yolox_ela.train.run_folder import RunFolder

resource = pytest.importorskip("resource")  # Windows has none
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
# The functions that reach the file system, and the objects in memory that have some of them, too.
CALLS = {"open", "open_code", "write", "close", "flock", "fsync", "rename", "replace", "unlink"}
IN_MEMORY = (io.BytesIO, io.StringIO)
FILES = ("last.pth", "best.pth", "results.json", "metrics.csv", "timing.json", "state.pth")


def content(number):
    return {"model": {"weight": torch.full((100, 100), float(number))}, "step": number}


def save(folder, number):
    """The files of an epoch's end, in their order; see `Training._end_epoch`."""
    save_checkpoint(folder.last, content(number))
    save_checkpoint(folder.best, content(number))
    folder.write_json("results.json", {"step": number})
    folder.write_metrics([{"epoch": number, "loss": 1.0}])
    folder.write_json("timing.json", {"step": number})
    save_checkpoint(folder.state, content(number))


def killed_at(call, folder):
    """Save in a process that is killed just before this call that reaches the file system.

    Returns:
        Whether it was; otherwise it has come to its end.
    """
    child = os.fork()
    if child == 0:
        gc.freeze()  # to look through the parent's objects would copy their memory
        calls = 0

        def watch(frame, event, function):
            nonlocal calls
            owner = getattr(function, "__self__", None)
            if (
                event == "c_call"
                and function.__name__ in CALLS
                and not isinstance(owner, IN_MEMORY)
            ):
                if calls == call:
                    os.kill(os.getpid(), signal.SIGKILL)
                calls += 1

        sys.setprofile(watch)
        save(folder, 2)
        sys.setprofile(None)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def cut_off_at(size, folder):
    """Save in a process that is killed as soon as a file is this large."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        save(folder, 2)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def require_old_or_new(folder):
    """Every file is the one before or the one after, whole; the state is the last to change."""
    new = {}
    for name in FILES:
        path = folder.path / name
        if path.suffix == ".pth":
            found = read_checkpoint(path)
            number = found["step"]
            assert torch.equal(found["model"]["weight"], content(number)["model"]["weight"])
        else:
            text = path.read_text()
            number = 2 if "2" in text else 1
            assert text == WRITTEN[name][number]
        new[name] = number
    order = [new[name] for name in FILES]
    assert order == sorted(order, reverse=True), "a file was written before those that precede it"


WRITTEN = {}


@pytest.fixture
def folder(tmp_path):
    """A run's folder with the files of the epoch before."""
    made = RunFolder(tmp_path)
    for number in (2, 1):
        save(made, number)
        for name in FILES[2:5]:
            WRITTEN.setdefault(name, {})[number] = (tmp_path / name).read_text()
    return made


def test_killed_at_every_call(folder):
    """Opening, writing, syncing and renaming of each of the six files."""
    kills, files = 0, {name: (folder.path / name).read_bytes() for name in FILES}
    while killed_at(kills, folder):
        require_old_or_new(folder)
        with claim_folder(folder.path, "stop the other one"):  # as --resume does
            pass
        assert sorted(path.name for path in folder.path.iterdir()) == sorted([*FILES, ".lock"])
        for name, before in files.items():
            (folder.path / name).write_bytes(before)
        kills += 1
    assert kills > 5 * len(FILES), "the calls were not seen"
    require_old_or_new(folder)
    assert read_checkpoint(folder.state)["step"] == 2


@pytest.mark.parametrize("size", [0, 1, 10, 4096, 10_000, 40_000])
def test_killed_within_a_write(folder, size):
    """After some bytes of a file; smaller files are written whole."""
    assert cut_off_at(size, folder)
    require_old_or_new(folder)
