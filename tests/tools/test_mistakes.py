"""A user's mistakes: one message with culprit and remedy, exit code 2, before any training."""

import os
import shutil
from pathlib import Path

import torch
from command_line import SMALL, exp


def error(call, project, *words):
    done = call("tools/train.py", "-f", exp(project), *words, expect=2)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1
    return done.stderr.partition("error:")[2]


def test_unknown_recipe_field(call, project):
    assert "did you mean" in error(call, project, "learning_rat", "0.1")


def test_wrong_type(call, project):
    assert "'epochs' takes a whole number, not 'ten'" in error(call, project, "epochs", "ten")


def test_experiment_that_does_not_exist(call, project):
    done = call("tools/train.py", "-f", "nano_elephant.py", expect=2)
    assert "nano_ela_s.py" in done.stderr, "lists what there is"


def test_sample_with_a_recipe_for_other_weights(call, project):
    assert "--sample starts from random weights, --recipe tuned from COCO's" in error(
        call, project, "--sample", "--recipe", "tuned"
    )


def test_data_that_does_not_exist(call, project):
    assert "--data /nowhere: there is no such folder or file" in error(
        call, project, "--data", "/nowhere"
    )


def test_batch_over_processes(call, project, data):
    assert "cannot be split over 3" in error(call, project, "--data", data, "-d", "3")


def test_foreign_weights(call, project, data, tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    message = error(call, project, "--data", data, "-c", path, "-o", tmp_path / "r", *SMALL)
    assert "resnet.pth is not a YOLOX checkpoint" in message


def test_corrupt_image_before_training(call, project, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    image = min((copy / "VOCdevkit" / "VOC2007" / "JPEGImages").iterdir())
    image.write_bytes(image.read_bytes()[:500])
    message = error(call, project, "--data", copy, "-c", "none", "-o", tmp_path / "r", *SMALL)
    assert image.name in message
    assert not (tmp_path / "r").exists(), "nothing is begun"
    assert "tools/dataset.py check" in message


def test_images_to_train_and_to_test_on(call, project, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    sets = copy / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    first = (sets / "trainval.txt").read_text().split()[0]
    with (sets / "test.txt").open("a") as file:
        file.write(f"{first}\n")
    message = error(call, project, "--data", copy, "-c", "none", "-o", tmp_path / "r", *SMALL)
    assert "1 images are in the sets to train on and to evaluate on" in message
    assert first in message


def test_result_that_cannot_be_written(call, project, data, tmp_path):
    message = error(call, project, "--data", data, "--json", tmp_path, "-c", "none", *SMALL)
    assert "cannot write" in message


def test_no_network(call, project, closed_port, tmp_path):
    message = error(call, project, "-o", tmp_path / "r", *SMALL)
    for way_out in ("--archives DIR", "--data DIR", "VOCtrainval_06-Nov-2007.tar"):
        assert way_out in message


def test_no_network_for_weights(call, project, data, closed_port, tmp_path, monkeypatch):
    monkeypatch.setenv("YOLOX_ELA_CACHE", str(tmp_path / "cache"))
    message = error(call, project, "--data", data, "-o", tmp_path / "r", *SMALL)
    assert "-c none" in message
    assert str(tmp_path / "cache" / "yolox_nano.pth") in message


def test_output_that_holds_a_run(call, trained, project, data):
    message = error(call, project, "--data", data, "-o", trained[0], *SMALL)
    assert "--resume" in message


def test_resume_with_other_settings(call, trained, project, data):
    words = ["--data", data, "-o", trained[0], "--resume", *SMALL, "lr", "0.5"]
    assert "lr was 0.02, is 0.5" in error(call, project, *words)


def test_bad_data_are_refused_before_weights_are_downloaded(call, project, voc):
    voc.add("a", [("car", 1, 1, 9, 9)])
    voc.annotate("a", "<object>")
    voc.add("b", [("car", 1, 1, 9, 9)], split="test")
    message = error(call, project, "--data", voc.root, "-c", "coco")
    assert "malformed XML" in message
    assert "download" not in message
    assert not list(Path(os.environ["YOLOX_ELA_CACHE"]).glob("yolox_*"))
