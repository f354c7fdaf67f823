"""`yolox-ela predict` on everything that can be named, and its refusals."""

import json
import signal

import numpy as np
import pytest
from PIL import Image

from yolox_ela.commands import predict as command
from yolox_ela.predict.video import Frames, VideoWriter

SMALL = ["--image-size", "96", "--device", "cpu"]


@pytest.fixture
def place(tmp_path, data):
    """A folder with two pictures, a video of 12 frames, a broken picture and system files."""
    folder = tmp_path / "in"
    folder.mkdir()
    pictures = sorted((data / "VOCdevkit/VOC2007/JPEGImages").iterdir())[:2]
    for picture in pictures:
        (folder / picture.name).write_bytes(picture.read_bytes())
    writer = VideoWriter(folder / "clip.mp4", 12.5)
    for _ in range(12):
        writer.add(np.asarray(Image.open(pictures[0]).convert("RGB"))[:, :, ::-1])
    writer.close()
    (folder / "zebra.jpg").write_bytes(b"no picture")
    for name in ("Thumbs.db", "._clip.mp4", ".DS_Store"):
        (folder / name).touch()
    return tmp_path


def test_everything_of_a_folder(call, place):
    words = [place / "in", "-o", place / "out", "--conf", "0", "--max", "3"]
    words += ["--save", "pictures,json,yolo", "coco", "--classes", "person,dog", *SMALL]
    done = call("tools/demo.py", *words, expect=1)
    first, second, *_, video, summary = done.stdout.splitlines()
    assert first.startswith("1/4 ")
    assert " ms, 3 objects: " in first
    assert second.startswith("2/4 ")
    assert "clip.mp4: 12 frames, " in video
    assert summary.startswith("2 pictures and 12 frames in ")
    assert summary.endswith(
        f"pictures, detections.json, detections_coco.json, labels in {place}/out"
    )
    assert "skipped: cannot decode image" in done.stderr
    assert "1 of 4 files could not be read" in done.stderr
    assert "left out" not in done.stderr
    entries = json.loads((place / "out/detections.json").read_text())
    found = [one for entry in entries for one in entry.get("detections", [])]
    assert {one["class"] for one in found} <= {"person", "dog"}
    assert [len(frame["detections"]) for frame in entries[2]["frames"]] == [3] * 12
    with Frames(place / "out/clip.mp4") as frames:
        assert (frames.rate, len(list(frames))) == (12.5, 12)
    assert len(list((place / "out/labels").iterdir())) == 2 + 12


def test_quiet_and_nothing_written(call, place):
    words = [f"{place}/in/0*.jpg", *SMALL]
    done = call("tools/demo.py", *words, "--quiet", "-o", place / "out")
    assert (done.stdout, done.stderr) == ("", "")
    assert (place / "out/detections.json").is_file()
    done = call("tools/demo.py", *words, "--quiet", "--save", "none", "--json", "-")
    assert len(json.loads(done.stdout)) == 2
    assert "-o" in call("tools/demo.py", *words, "--save", "none", "-o", "x", expect=2).stderr


def test_a_picture_from_the_web(call, place, server):
    content = min((place / "in").glob("*.jpg")).read_bytes()
    words = [server.add("/photo.jpg?size=large", content), server.url("/gone.jpg"), *SMALL]
    done = call("tools/demo.py", *words, "-o", place / "out", expect=1)
    assert (place / "out/photo.jpg").is_file()
    assert "gone.jpg: the server answers 404" in done.stderr


def test_interrupted(call, place, monkeypatch):
    """What was found until then is whole: the list, and a video that plays."""
    add = command.Progress.add

    def interrupt(self, result):
        add(self, result)
        if self.frames == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(command.Progress, "add", interrupt)
    words = [place / "in/clip.mp4", "-o", place / "out", *SMALL]
    done = call("tools/demo.py", *words, expect=130)
    assert "interrupted: what was found until now is saved" in done.stderr
    (entry,) = json.loads((place / "out/detections.json").read_text())
    assert len(entry["frames"]) == 5
    with Frames(place / "out/clip.mp4") as frames:
        assert len(list(frames)) == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing*.jpg"], "no file matches nothing*.jpg"),
        (["IN", "-o", "IN/out"], "which is read: name another folder"),
        (["IN", "--classes", "dgo"], "no class 'dgo'; did you mean dog?"),
        (["IN", "--max", "0"], "'0' is not a whole number of at least 1"),
        (["IN", "--save", "xml"], "--save"),
        (["IN", "--save", "none", "json"], "none goes with nothing else"),
        (["IN", "--show"], "--show"),
        (["webcam"], "or the number of a camera, as in 0"),
        (["IN", "--save_txt"], "--save yolo"),
    ],
)
def test_refused(call, place, monkeypatch, words, message):
    """Before the output folder is made."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    words = [word.replace("IN", str(place / "in")) for word in words]
    done = call("tools/demo.py", *words, *SMALL, expect=2)
    assert message in done.stderr
    assert done.stderr.count("\n") <= 1
    assert not (place / "in/out").exists()
