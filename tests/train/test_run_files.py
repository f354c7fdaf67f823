"""The files of a run's folder: each broken one ends in a message with the file and the remedy."""

import json

import numpy as np
import pytest

from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings, score_detections
from yolox_ela.evaluate.results_file import read_results
from yolox_ela.evaluate.saved import SavedEvaluation, load_evaluation, save_evaluation
from yolox_ela.recipe import Recipe
from yolox_ela.report.curves import read_metrics
from yolox_ela.tables.measurement import read_measurement
from yolox_ela.train.run_files import read_config, read_environment, read_trackers
from yolox_ela.train.run_folder import RunFolder

SESSION = {
    "processor": "a", "cores": 2, "gpu": None, "versions": {"torch": "2"}, "commit": "c",
    "command": "train", "data": "/data", "start_sha256": "", "options": {"device": "cpu"},
}  # fmt: skip


@pytest.fixture
def evaluation(build_split, build_detections):
    split = build_split([[(0, [1, 1, 50, 50])], [(1, [5, 5, 60, 90])]])
    detections = build_detections([(0, 0, 0.9, [1, 1, 50, 50]), (1, 2, 0.5, [5, 5, 60, 90])])
    results = score_detections(detections, split, EvalSettings(320, 0.01, 0.65), 1.5)
    return SavedEvaluation(detections, split, results)


TEXTS = ["", "{", "[[[", "nul", "\x00", '"text"', "3", "[1]", "[" * 100_000, '{"a": NaN}']
READERS = {
    "config.json": lambda folder: read_config(folder, "remedy"),
    "environment.json": lambda folder: read_environment(folder, "remedy"),
    "trackers.json": lambda folder: read_trackers(folder / "trackers.json"),
    "results.json": lambda folder: read_results(folder / "results.json"),
    "speed.json": lambda folder: read_measurement(folder / "speed.json"),
    "metrics.csv": lambda folder: read_metrics(folder / "metrics.csv"),
    "evaluation.npz": lambda folder: load_evaluation(folder / "evaluation.npz"),
}


@pytest.mark.parametrize("name", READERS)
def test_files_that_are_something_else(tmp_path, name):
    path = tmp_path / name
    for content in [*(text.encode() for text in TEXTS), b"\xff\xfe\x00", bytes(1000)]:
        path.write_bytes(content)
        with pytest.raises(UserError, match=name.replace(".", r"\.")) as error:
            READERS[name](tmp_path)
        assert "\n" not in str(error.value) or len(str(error.value)) < 1000
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        READERS[name](tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"commit": None}, r"environment\.json: its entry '\[0\]\.commit' must be text, not None"),
        ({"versions": {}}, r"'\[0\]\.versions\.torch' is missing"),
        ({"start_sha256": "x"}, r"'\[0\]\.start_sha256' must be a SHA-256"),
        ({"options": {"devices": 0}}, r"'\[0\]\.options\.devices' must be a whole number from 1"),
        ({"options": {"device": "rm"}}, r"'\[0\]\.options\.device' must be the name of a device"),
        ({"options": {"cache": "x"}}, r"'\[0\]\.options\.cache' must be one of auto, ram"),
    ],
)
def test_the_environment(tmp_path, change, message):
    folder = RunFolder(tmp_path)
    folder.append_environment(SESSION)
    assert folder.facts()["commit"] == "c"
    (tmp_path / "environment.json").write_text(json.dumps([SESSION | change]))
    for read in (folder.facts, lambda: folder.append_environment(SESSION)):
        with pytest.raises(UserError, match=message):
            read()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 3}, r"config\.json: its content has classes = 3, which must be"),
        ({"lr": None}, "has lr = None, which must be a finite number"),
        ({"epochs": -1}, "has epochs = -1, which must be between 1 and 100,000"),
        ({"package_experiment": 3}, "'package_experiment' must be text"),
    ],
)
def test_the_configuration(tmp_path, change, message):
    content = Recipe(name="a").to_dict() | change
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        read_config(tmp_path, "remedy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop("seconds"), "'seconds' is missing"),
        (lambda r: r.update(seconds=0), "'seconds' must be a number greater than 0"),
        (lambda r: r.update(ap50=2), "'ap50' must be a number from 0 to 1"),
        (lambda r: r.update(per_class=[]), "'per_class' must be a mapping"),
        (lambda r: r["per_class"]["cat"].pop("objects"), r"'per_class\.cat\.objects' is missing"),
        (lambda r: r["settings"].update(image_size=-3), r"'settings\.image_size' must be"),
        (lambda r: r.update(headline=3), "'headline' must be one of ap50_voc07"),
    ],
)
def test_results(evaluation, tmp_path, change, message):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(evaluation.results))
    assert read_results(path) == evaluation.results
    change(evaluation.results)
    path.write_text(json.dumps(evaluation.results))
    with pytest.raises(UserError, match=rf"results\.json: its entry {message}"):
        read_results(path)


ARRAYS = {
    "split.labels": (np.array([0, 9]), "labels are out of range"),
    "split.offsets": (np.array([0, 5, 2]), "offsets do not divide"),
    "split.sizes": (np.zeros((2, 2), np.int32), "an image has no pixels"),
    "split.boxes": (np.full((2, 4), np.nan, np.float32), "boxes are not finite"),
    "split.ids": (np.array([1, 2]), r"ids is not an array of shape \(2,\)"),
    "split.classes": (np.array(["cat", "cat", "dog"]), "a class is there twice"),
    "split.headline": (np.array("best"), "headline is none of"),
    "split.values": (np.array([1.0]), "not enough values"),
    "detections.images": (np.array([0, -1]), r"detections\.images are out of range"),
    "detections.scores": (np.array([0.5, np.nan], np.float32), "are not from 0 to 1"),
    "detections.labels": (np.array([[0, 1]]), r"detections\.labels is not an array"),
    "results": (np.array("{}"), "is missing"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_an_evaluation(evaluation, tmp_path, name):
    path = tmp_path / "evaluation.npz"
    save_evaluation(path, evaluation)
    with np.load(path) as arrays:
        content = dict(arrays)
    content[name], message = ARRAYS[name]
    np.savez(path, **content)
    with pytest.raises(UserError, match=rf"evaluation\.npz is damaged or no saved.*{message}"):
        load_evaluation(path)
    del content[name]
    np.savez(path, **content)
    if name not in ("split.headline", "split.values"):  # which older versions did not write
        with pytest.raises(UserError, match=r"evaluation\.npz is damaged or no saved"):
            load_evaluation(path)


@pytest.mark.parametrize(
    "text",
    [
        "epoch,loss\n1,nan\n",
        "epoch,loss\n-1,2\n",
        "epoch,loss\n1.5,2\n",
        "epoch,loss\n1e300,2\n",
        "epoch,loss\n1,2,3\n",
        "epoch,loss\n1,2\0\n",
        "loss\n1\n",
    ],
)
def test_metrics(tmp_path, text):
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(UserError, match=r"metrics\.csv"):
        read_metrics(tmp_path / "metrics.csv")
