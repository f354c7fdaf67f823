"""tools/demo.py as a user runs it."""

import json
import shutil

import numpy as np
from command_line import exp


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
        expect=1,
    )
    assert "zebra.jpg" in done.stderr
    entries = json.loads((out / "detections.json").read_text())
    assert [bool(entry.get("error")) for entry in entries] == [False, False, True, False]
    pictures = [out / entry["picture"] for entry in entries if "picture" in entry]
    assert len(set(pictures)) == 3, "the same name twice does not overwrite"
    assert all(path.is_file() for path in pictures)
    boxes = np.array([d["box"] for d in entries[0]["detections"]])
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= entries[0]["width"]).all()


def test_wrong_experiment_for_the_weights(call, trained, project, data):
    done = call(
        "tools/demo.py",
        "-f",
        exp(project, "nano"),
        "-c",
        trained[0] / "best.pth",
        data,
        expect=2,
    )
    assert "does not fit this experiment" in done.stderr
