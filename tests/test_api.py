"""Commands as Python functions: the same names and refusals, results as objects, and a program
that is otherwise left as it was.
"""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch
from loguru import logger

from yolox_ela import UserError, evaluate, train
from yolox_ela.commands import evaluate_options, train_options
from yolox_ela.datasets.sample import generate_sample

PARSERS = {"train": train_options, "evaluate": evaluate_options}
SMALL = {"checkpoint": "none", "image_size": 32, "batch_size": 6, "workers": 1, "device": "cpu"}
SMALL |= {"tracker": "none", "no_report": True}


def test_names_are_there_without_torch():
    code = "import sys, yolox_ela; from yolox_ela import UserError, evaluate, train; "
    code += "print(sorted({'torch', 'cv2', 'numpy'} & set(sys.modules)), callable(train), "
    code += "callable(yolox_ela.evaluate), 'Detector' in dir(yolox_ela))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "[] True True True", done.stderr


def test_the_packages_of_these_names_stay_packages():
    import yolox_ela
    import yolox_ela.train.bar

    assert yolox_ela.train.bar.TrainingBar
    assert yolox_ela.Detector.__name__ == "Detector"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        yolox_ela.nothing  # noqa: B018


def parsed(name, home, keywords, words, monkeypatch):
    """The options by keyword arguments and as typed."""
    monkeypatch.setattr(sys, "argv", ["yolox-ela", *words])
    found = []
    for given in (keywords, None):
        try:
            found.append(vars(PARSERS[name].parse(home, given)))
        except UserError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize(
    ("name", "keywords", "words"),
    [
        ("train", {"lr": 0.01}, "lr 0.01"),
        ("train", {"epochs": 3, "image_size": 320}, "-e 3 --image-size 320"),
        (
            "train",
            {"size": "s", "attention": "ca:reduction=16"},
            "size s attention ca:reduction=16",
        ),
        ("train", {"classes": ["cat", "big dog"]}, "classes=cat,big dog"),
        ("train", {"classes": ["cat"], "mosaic_prob": 0}, "classes=cat, mosaic_prob=0"),
        ("train", {"mosaic_scale": (0.8, 1.2), "evaluate_raw": True}, None),
        ("train", {"sample": True, "resume": False, "output": None}, "--sample"),
        (
            "train",
            {"no_report": True, "tracker": ["tensorboard"]},
            "--no-report --tracker tensorboard",
        ),
        ("train", {"record": True, "data_name": "mine"}, "--record --data-name mine"),
        ("train", {"output": Path("run"), "json": Path("a.json")}, "-o run --json a.json"),
        ("evaluate", {"zero_shot": True, "conf": 0.1}, "--zero-shot --conf 0.1"),
    ],
)
def test_keywords_are_what_is_typed(name, keywords, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if words is None:
        words = "mosaic_scale 0.8,1.2 evaluate_raw true"
    words = words.replace("big dog", "big_dog").split()
    words = [word.replace("big_dog", "big dog") for word in words]
    start = {"experiment": "nano"} if name == "train" else {}
    typed = ["-f", "nano", *words] if name == "train" else words
    by_keyword, as_typed = parsed(name, tmp_path, {**start, **keywords}, typed, monkeypatch)
    assert by_keyword.pop("call").startswith(f"{name}(")
    assert as_typed.pop("call") == ""
    for options in (by_keyword, as_typed):
        options.pop("started", None)  # the time
        options["overrides"] = train_options.pairs_to_dict(options["overrides"])
        for field, value in options["overrides"].items():
            options["overrides"][field] = value.lower().strip(",")
    assert by_keyword == as_typed


@pytest.mark.parametrize(
    ("name", "keywords", "words"),
    [
        ("train", {"epochs": 0}, "-e 0"),
        ("train", {"image_size": 100}, "--image-size 100"),
        ("train", {"lr": "fast"}, "lr fast"),
        ("train", {"size": "q"}, "size q"),
        ("train", {"data": "nowhere"}, "--data nowhere"),
        ("train", {"checkpoint": "nothing.pth"}, "-c nothing.pth"),
        ("train", {"sample": True, "data": "."}, "--sample --data ."),
        ("train", {"tracker": "pencil"}, "--tracker pencil"),
        ("train", {"data_name": "mine"}, "--data-name mine"),
        ("evaluate", {}, ""),
        ("evaluate", {"checkpoint": "nothing.pth"}, "-c nothing.pth"),
        ("evaluate", {"zero_shot": True, "conf": 2}, "--zero-shot --conf 2"),
        ("evaluate", {"zero_shot": True, "ids": "nothing.txt"}, "--zero-shot --ids nothing.txt"),
        ("evaluate", {"zero_shot": True, "data": ""}, "--zero-shot --data="),
    ],
)
def test_what_the_command_refuses(name, keywords, words, tmp_path, monkeypatch):
    """In the same words."""
    start = {"experiment": "nano"} if name == "train" else {}
    typed = ["-f", "nano", *words.split()] if name == "train" else words.split()
    by_keyword, as_typed = parsed(name, tmp_path, {**start, **keywords}, typed, monkeypatch)
    assert isinstance(as_typed, str)
    assert by_keyword == as_typed


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train("nano", epoch=3), r"train\(\) has no argument 'epoch'; did you mean epochs"),
        (lambda: train("nano", ouput="x"), "'ouput'; did you mean output"),
        (lambda: train("nano", max_epoch=3), "'max_epoch'; it is called epochs here"),
        (lambda: train("nano", help=True), "no argument 'help'"),
        (lambda: train(), "--help shows examples"),
        (lambda: train("nano", sample="yes"), "sample is True or False, not 'yes'"),
        (lambda: train("nano", json=True), "json takes a value, not True"),
        (lambda: train("nano", attention=torch.nn.Identity), "attention takes text or numbers"),
        (lambda: train("nano", classes={"cat", "dog"}), "whose order counts"),
        (lambda: train("nano", classes=["a,b"]), "an element with a comma, 'a,b'"),
        (lambda: train("nano", devices=2), "devices=2 starts processes"),
        (lambda: evaluate("coco", recipes="x"), r"evaluate\(\) has no argument 'recipes'"),
    ],
)
def test_what_only_a_call_can_get_wrong(call, message):
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.slow
def test_a_run_stopped_resumed_and_evaluated(tmp_path, monkeypatch):
    """Ctrl-C saves and raises; in a thread the run goes on to its end; the program is as before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["a_notebook"])
    generate_sample(tmp_path / "data", train_images=8, test_images=8)
    lines = []

    def stop_after_first_epoch(message):
        lines.append(message)
        if "epoch 1/2" in message:
            os.kill(os.getpid(), signal.SIGINT)

    sink = logger.add(stop_after_first_epoch)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = torch.get_num_threads()
    settings = {"data": "data", "epochs": 2, "eval_interval": 2, **SMALL}
    with pytest.raises(KeyboardInterrupt):
        train("nano_ela_s", **settings)
    count = len(lines)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(train, "nano_ela_s", resume=True, **settings).result()
    assert len(lines) > count, "the caller's own log is still there"
    logger.remove(sink)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert torch.get_num_threads() == threads

    assert run.folder == tmp_path / "runs" / "nano_ela_s"
    assert (run.best, run.last) == (run.folder / "best.pth", run.folder / "last.pth")
    assert run.report is None
    assert run.complete
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.images == 8
    saved = json.loads((run.folder / "results.json").read_text())
    assert run.results == saved
    assert run.scores == {name: saved[name] for name in ("ap50_voc07", "ap50", "ap50_95")}
    assert run.per_class["cat"]["objects"] == saved["per_class"]["cat"]["objects"] > 0
    assert run.headline == saved["headline"] == "ap50_voc07"
    assert str(run).startswith("class")
    with pytest.raises(FrozenInstanceError):
        run.images = 9
    entries = json.loads((run.folder / "environment.json").read_text())
    assert entries[0]["command"].startswith("train(experiment='nano_ela_s', data='data', epochs=2")

    found = evaluate(run.last, device="cpu", batch_size=6)
    assert found.scores == pytest.approx(run.scores, abs=1e-6)
    assert (found.images, found.report) == (8, None)
    other = train("nano", precision="bf16", **{**settings, "epochs": 1})
    assert other.folder.name == "nano"


@pytest.mark.slow
def test_a_run_that_its_time_limit_ends(tmp_path, monkeypatch):
    """No error: the weights are there, and the rest can be trained later."""
    monkeypatch.chdir(tmp_path)
    generate_sample(tmp_path / "data", train_images=8, test_images=8)
    run = train("nano", data="data", epochs=500, time_limit="1s", **SMALL)
    assert not run.complete
    assert run.last.is_file()
    assert (run.folder / "state.pth").is_file()
    assert len(run.history) < 500
