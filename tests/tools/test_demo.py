"""tools/demo.py as a user runs it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import exp
from PIL import Image

from yolox_ela.images.read import IMAGE_SUFFIXES

pytestmark = pytest.mark.slow


def test_pictures_json_and_exit_code(call, trained, project, data, tmp_path):
    images = data / "VOCdevkit" / "VOC2007" / "JPEGImages"
    (tmp_path / "in").mkdir()
    for path in sorted(images.iterdir())[:2]:
        shutil.copy(path, tmp_path / "in")
    broken = tmp_path / "in" / "zebra.jpg"
    broken.write_bytes(b"not a picture")
    out = tmp_path / "out"
    done = call(
        "tools/demo.py",
        "-f",
        exp(project),
        "-c",
        trained[0] / "best.pth",
        tmp_path / "in",
        sorted(images.iterdir())[0],
        "-o",
        out,
        "--device",
        "cpu",
        "--conf",
        "0.001",
        "--json",
        "-",
        expect=1,
    )
    assert "zebra.jpg" in done.stderr
    entries = json.loads((out / "detections.json").read_text())
    assert json.loads(done.stdout) == entries, "the screen is for JSON alone"
    assert [bool(entry.get("error")) for entry in entries] == [False, False, True, False]
    pictures = [out / entry["picture"] for entry in entries if "picture" in entry]
    assert len(set(pictures)) == 3, "the same name twice does not overwrite"
    assert all(path.is_file() for path in pictures)
    boxes = np.array([d["box"] for d in entries[0]["detections"]])
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= entries[0]["width"]).all()


def test_a_folder_of_a_users_things(call, trained, project, data, tmp_path):
    """Pictures of every format are read, the system's files are no pictures, the rest is named."""
    source = min((data / "VOCdevkit" / "VOC2007" / "JPEGImages").iterdir())
    folder = tmp_path / "holidays"
    folder.mkdir()
    for suffix in IMAGE_SUFFIXES:
        Image.open(source).save(folder / f"photo{suffix}")
    (folder / "._photo.jpg").write_bytes(b"\0\x05\x16\x07 of macOS")
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    (folder / "notes").write_text("no picture")
    words = ["-f", exp(project), "-c", trained[0] / "best.pth", "--device", "cpu"]
    done = call("tools/demo.py", *words, folder, "-o", tmp_path / "out", expect=1)
    entries = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [Path(e["image"]).suffix for e in entries if "error" not in e] == sorted(IMAGE_SUFFIXES)
    assert [Path(e["image"]).name for e in entries if "error" in e] == ["clip.mp4"]
    assert "1 file is left out (notes)" in done.stderr
    assert f"cannot open video {folder / 'clip.mp4'}: it is damaged" in done.stderr


def test_wrong_experiment_for_the_weights(call, trained, project, data):
    done = call(
        "tools/demo.py",
        "-f",
        exp(project, "nano"),
        "-c",
        trained[0] / "best.pth",
        data / "VOCdevkit" / "VOC2007" / "JPEGImages",
        expect=2,
    )
    assert "does not fit this experiment" in done.stderr


def test_each_call_gets_a_folder_of_its_own(call, trained, project, data, tmp_path):
    """In runs/, numbered; nothing is written into the current folder or over earlier results."""
    picture = min((data / "VOCdevkit" / "VOC2007" / "JPEGImages").iterdir())
    words = ["tools/demo.py", "-c", trained[0] / "best.pth", picture, "--device", "cpu"]
    here, before = set((project / "exps").iterdir()), set((project / "runs").iterdir())
    outputs = [call(*words).stdout.splitlines()[-1] for _ in range(2)]
    new = sorted(set((project / "runs").iterdir()) - before)
    assert [output.rpartition(" ")[2] for output in outputs] == [str(folder) for folder in new]
    assert all((folder / "detections.json").is_file() for folder in new)
    assert all(folder.name.startswith("predict") for folder in new)
    runs = ["tools/report.py", trained[0], shutil.copytree(trained[0], tmp_path / "other")]
    for _ in range(2):
        call(*runs)
    assert (project / "runs" / "comparison-2" / "report.html").is_file()
    assert set((project / "exps").iterdir()) == here
