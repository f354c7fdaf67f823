"""`train --resume` without -f: the newest run goes on by its own config."""

import json
import os
import shutil
import signal

import pytest
import torch
from command_line import SMALL, exp
from forked import Program

pytestmark = pytest.mark.slow


def interrupted(project, data, *words):
    """Start a small run and press Ctrl-C after its first epoch, which reaches its loaders, too."""
    command = ["tools/train.py", "-f", "nano_ela_s", "--data", data, "-c", "none"]
    assert SMALL[-2:] == ["workers", "0"]
    process = Program([*map(str, [*command, *SMALL[:-1], "1", *words])], project)
    for line in process.stderr:
        if "epoch 1/3" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    rest = process.rest()
    assert process.returncode == 130, rest
    assert "continue with the same command and --resume" in rest
    assert "Traceback" not in rest


@pytest.fixture(scope="module")
def unfinished(project, data):
    """A run that was interrupted; its tests work on copies."""
    folder = project / "runs" / "unfinished"
    interrupted(project, data, "seed", "3", "-o", folder, "--cache", "off")
    return folder


@pytest.fixture
def place(project, tmp_path, unfinished):
    """A checkout of its own, whose only run is a copy of the unfinished one."""
    for name in ("tools", "exps"):
        shutil.copytree(project / name, tmp_path / name)
    shutil.copytree(unfinished, tmp_path / "runs" / "mine")
    return tmp_path


def test_equals_the_uninterrupted_run(call, trained, place):
    """Also data, batch, epochs, size and tracker; a later start that died is no run."""
    dead = place / "runs" / "mine-2"
    dead.mkdir()
    (dead / "config.json").write_text("{}")
    run = place / "runs" / "mine"
    done = call("tools/train.py", "--resume", "--device", "cpu", "--no-report", root=place)
    assert f"{dead} ended before anything was saved: this resumes {run}" in done.stderr
    resumed, whole = (
        torch.load(folder / "last.pth", weights_only=True) for folder in (run, trained[0])
    )
    for name, tensor in whole["model"].items():
        assert torch.equal(resumed["model"][name], tensor), name
    assert not (run / "tensorboard").exists(), "--tracker none is the run's too"
    first, second = json.loads((run / "environment.json").read_text())
    assert second["options"] == {**first["options"], "cache": "off"}
    assert second["data"] == first["data"]


@pytest.mark.parametrize(
    ("words", "config", "message"),
    [
        ([], {"package_experiment": ""}, "give the experiment's file with -f"),
        ([], {"package_experiment": "../evil"}, "give the experiment's file with -f"),
        (
            [],
            {"attention": "/elsewhere/evil.py:Mine"},
            "--resume attention=/elsewhere/evil.py:Mine",
        ),
        (["--recipe", "tuned"], {}, "leave --recipe out"),
        (["--sample"], {}, "leave --sample out"),
        (["lr", "0.5"], {}, "lr was 0.02, is 0.5"),
        (["-o", "elsewhere"], {}, "there is no elsewhere"),
    ],
)
def test_refused(call, place, words, config, message):
    path = place / "runs" / "mine" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    error = call("tools/train.py", "--resume", *words, expect=2, root=place).stderr
    assert error.count("error:") == 1
    assert message in error


def test_nothing_to_resume(call, place):
    shutil.rmtree(place / "runs")
    error = call("tools/train.py", "--resume", expect=2, root=place).stderr
    assert f"nothing to resume: there is no run in {place / 'runs'}" in error


def test_an_experiment_of_the_user(call, place, trained):
    """Its file is not run, even where it lies where the package's would."""
    path = place / "runs" / "mine" / "config.json"
    content = json.loads(path.read_text())
    assert content["package_experiment"] == "nano_ela_s"
    path.write_text(json.dumps({**content, "package_experiment": str(exp(place))}))
    error = call("tools/train.py", "--resume", expect=2, root=place).stderr
    assert "files that a run names are never run" in error


@pytest.mark.parametrize("words", [[], ["-f", "nano_ela_s", *SMALL[:3], "image_size", "64"]])
def test_more_epochs_are_a_new_run(call, place, data, words):
    """The rate has followed a cosine over the old number."""
    run = place / "runs" / "mine"
    words = [w for w in words if w not in ("-e", "3")]
    if words:
        words += ["--data", data, "-o", run, "seed", "3", "final_fraction", "0.33"]
    error = call("tools/train.py", "--resume", "-e", "6", *words, expect=2, root=place).stderr
    assert f"{run} is a run of 3 epochs" in error
    assert f"-c {run / 'last.pth'}" in error
    assert error.count("error:") == 1


def test_patience_without_scores(call, place, data):
    """Before anything is trained: no object of the test set counts."""
    copy = place / "data"
    shutil.copytree(data, copy)
    root = copy / "VOCdevkit" / "VOC2007"
    for name in (root / "ImageSets" / "Main" / "test.txt").read_text().split():
        path = root / "Annotations" / f"{name}.xml"
        text = path.read_text().replace("<difficult>0", "<difficult>1")
        path.write_text(text)
    words = ["-f", "nano", "--data", copy, "-c", "none", *SMALL, "patience", "3"]
    error = call("tools/train.py", *words, expect=2, root=place).stderr
    assert "patience: there will be no scores" in error
