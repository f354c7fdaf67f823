"""Pipes and devices are refused, not waited on; what killed writes leave is removed."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from yolox_ela.datasets.lists import read_lines
from yolox_ela.datasets.readers.coco_file import read_coco_json
from yolox_ela.datasets.readers.yolo_yaml import read_yolo_yaml
from yolox_ela.errors import UserError
from yolox_ela.evaluate.saved import load_evaluation
from yolox_ela.images.read import read_image
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.report.curves import read_metrics
from yolox_ela.system.claim import claim_folder
from yolox_ela.system.files import remove_leftovers, require_writable, write_atomically
from yolox_ela.tables.layout import insert_block
from yolox_ela.tables.measurement import read_measurement
from yolox_ela.tables.record import require_record
from yolox_ela.train.run_folder import RunFolder

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
READERS = {
    "weights.pth": read_checkpoint,
    "weights.safetensors": read_checkpoint,
    "photo.jpg": read_image,
    "train.txt": read_lines,
    "instances.json": read_coco_json,
    "data.yaml": read_yolo_yaml,
    "evaluation.npz": load_evaluation,
    "metrics.csv": read_metrics,
    "speed.json": read_measurement,
    "README.md": lambda path: insert_block(path, "table", ""),
}


@pytest.fixture(autouse=True)
def no_waiting():
    """A reader that waits for a pipe would wait forever."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", READERS)
def test_pipes_are_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=r"is a pipe, not a file"):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_devices_are_refused(device):
    for reader in (read_checkpoint, read_image, read_lines, load_evaluation, read_measurement):
        with pytest.raises(UserError, match=rf"{device}.* a device"):
            reader(Path(device))


def test_outputs_that_are_no_files(tmp_path):
    pipe = tmp_path / "results.csv"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (pipe, tmp_path, tmp_path / "socket", Path("/dev/null")):
            with pytest.raises(UserError, match="cannot write"):
                require_writable(path)
            with pytest.raises(UserError, match="cannot write"):
                write_atomically(path, lambda temporary: temporary.write_text("x"))
    with pytest.raises(UserError, match="it is a pipe"):
        require_record(pipe)
    assert Path("/dev/null").is_char_device()


def test_a_run_whose_log_is_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "train.log")
    with pytest.raises(UserError, match=r"train\.log is a pipe, not a file: remove it"):
        RunFolder(tmp_path).check(resume=False)


def test_names_that_are_too_long(tmp_path):
    with pytest.raises(UserError, match="too long"):
        require_writable(tmp_path / ("x" * 250))
    with pytest.raises(UserError, match="cannot"):
        require_writable(tmp_path / ("x" * 300) / "a.json")


def killed_while_writing(path):
    """What a process leaves that is killed in the middle of a write."""
    child = os.fork()
    if child == 0:
        write_atomically(path, lambda temporary: (temporary.write_text("half"), os._exit(0)))
    os.waitpid(child, 0)


def test_leftovers_are_removed_at_the_next_start(tmp_path):
    for name in ("state.pth", "other.json"):
        killed_while_writing(tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 2
    require_writable(tmp_path / "other.json")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".state.pth.")
    with claim_folder(tmp_path, ""):
        pass
    assert not left.exists()


def test_what_is_being_written_stays(tmp_path):
    def meanwhile(temporary):
        temporary.write_text("new")
        remove_leftovers(tmp_path)
        assert temporary.exists()

    write_atomically(tmp_path / "a", meanwhile)
    assert (tmp_path / "a").read_text() == "new"


def test_files_of_other_programs_stay(tmp_path):
    names = {".a.tmp", "b.0123abcd.tmp", ".c.0123ABCD.tmp", ".d.0123abcd.tmp.txt"}
    for name in names:
        (tmp_path / name).write_text("x")
    os.utime(tmp_path / ".a.tmp", (0, time.time()))
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == names
