"""Data sets are only read: no command writes its results into one."""

import sys

import pytest

from yolox_ela.choices import DETECTOR
from yolox_ela.commands import (
    evaluate_options,
    explain_options,
    export_options,
    predict_options,
    report_options,
    study_options,
    train_options,
)
from yolox_ela.datasets.around import require_outside_data
from yolox_ela.errors import UserError

# Command: its words, but for the output, and how a file or a folder of it is named.
COMMANDS = {
    "train": (train_options, "-f nano -o"),
    "train, its results": (train_options, "-f nano --json"),
    "eval": (evaluate_options, f"-c {DETECTOR} --report"),
    "eval, its detections": (evaluate_options, f"-c {DETECTOR} --save-detections"),
    "predict": (predict_options, "picture.jpg -o"),
    "export": (export_options, "--format onnx -o"),
    "report": (report_options, "run -o"),
    "explain": (explain_options, "picture.jpg -o"),
    "study": (study_options, "study.toml --data . -o"),
}
STUDY = """
[study]
question = "Which?"
baseline = "nano"
seeds = [0]
[methods.nano]
[recipes.tuned]
[data.any]
"""
# The files of a data set, and a place inside it.
LAYOUTS = {
    "VOC": (["VOCdevkit/VOC2007/JPEGImages/1.jpg", "VOCdevkit/VOC2007/Annotations/1.xml"], ""),
    "VOCdevkit": (["VOCdevkit/VOC2012/ImageSets/Main/train.txt"], "VOCdevkit"),
    "YOLO": (["images/train/1.jpg", "labels/train/1.txt"], ""),
    "YOLO by sets": (["train/images/1.jpg", "train/labels/1.txt", "data.yaml"], ""),
    "COCO": (["annotations/instances_train2017.json", "train2017/1.jpg"], ""),
    "COCO by sets": (["valid/_annotations.coco.json", "valid/1.jpg"], ""),
    "XML beside images": (["1.jpg", "1.xml"], ""),
    "XML by sets": (["train/1.png", "train/1.xml"], ""),
}


def make(root, files):
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses(name, tmp_path, monkeypatch):
    module, words = COMMANDS[name]
    data = make(tmp_path / "data", LAYOUTS["YOLO"][0])
    (tmp_path / "picture.jpg").touch()
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "run").mkdir()
    target = data / "new" / ("x.onnx" if name == "export" else "x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["yolox-ela", *words.split(), str(target)])
    option = words.split()[-1]
    with pytest.raises(UserError, match=rf"inside the data set .*data, .* elsewhere with {option}"):
        module.parse(tmp_path)
    assert not target.parent.exists()


def test_the_folder_that_runs_get_by_themselves(tmp_path, monkeypatch):
    make(tmp_path, LAYOUTS["COCO"][0])
    monkeypatch.setattr(sys, "argv", ["yolox-ela", "-f", "nano", "--data", str(tmp_path)])
    with pytest.raises(UserError, match="inside the data set"):
        train_options.parse(tmp_path)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name, tmp_path):
    """A place inside is refused, also through a link; one beside it is not."""
    files, inside = LAYOUTS[name]
    root = make(tmp_path / "data", files)
    (tmp_path / "link").symlink_to(root / inside if inside else (root / files[0]).parent)
    place = root / (inside or files[0].split("/")[0] if "/" in files[0] else "")
    for path in (place / "new" / "x", tmp_path / "link" / "new"):
        with pytest.raises(UserError, match="lies inside the data set"):
            require_outside_data("-o", path)
    require_outside_data("-o", tmp_path / "runs" / "x")
