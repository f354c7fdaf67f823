"""Where a run is logged: what can be read back, what goes on when a tracker breaks.

TensorBoard is always there; wandb, mlflow and trackio are tested where they are installed.
"""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from loguru import logger
from shallow import shallow_yolox
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from yolox_ela.errors import UserError
from yolox_ela.overrides import override
from yolox_ela.tasks.detection import Detection
from yolox_ela.train import tracker_names
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.tracker_names import require_trackers
from yolox_ela.train.trackers import TRACKERS, RunTrackers

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
CONFIG = {"lr": 0.02, "classes": ["cat", "dog"], "share_sites": False}


class Foreign:
    """A tracker as another package might have it, which breaks at one of its calls."""

    remedy = "ask its makers"
    repeats_config = False
    identity = "abc"
    breaks_at = ""
    calls: list

    def __init__(self, folder, identity):
        self.resumes = identity

    def note(self, call, *details):
        type(self).calls.append((call, *details))
        if call == self.breaks_at:
            raise ConnectionError("server is gone\nand a long explanation")

    def start(self):
        self.note("start", self.resumes)

    def store_init_configuration(self, values):
        self.note("config", values)

    def log(self, values, step):
        self.note("log", step)

    def log_image(self, name, image, step):
        self.note("image", step)

    def end(self, *, failed):
        self.note("end", failed)


@pytest.fixture
def foreign(monkeypatch):
    """Registers one under the name `foreign`; returns its class."""

    def register(breaks_at=""):
        kind = type("Kind", (Foreign,), {"breaks_at": breaks_at, "calls": []})
        monkeypatch.setitem(TRACKERS, "foreign", kind)
        monkeypatch.setattr(tracker_names, "TRACKER_NAMES", tuple(TRACKERS))
        return kind

    return register


@pytest.fixture
def warnings_shown():
    """What is logged at the level WARNING and above."""
    messages = []
    sink = logger.add(messages.append, level="WARNING", format="{message}")
    yield messages
    logger.remove(sink)


def start(path, recipe, splits, *, kind=Training, trackers=("tensorboard",), resume=False):
    folder = RunFolder(path)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = shallow_yolox(len(recipe.classes))
    accelerator = build_accelerator("cpu", "fp32")
    task = Detection(recipe, *splits, accelerator)
    training = kind(recipe, model, task, folder, accelerator, trackers=trackers)
    if resume:
        training.resume()
    return training


def made_folder(path):
    folder = RunFolder(path)
    path.mkdir(parents=True, exist_ok=True)
    return folder


def events(path):
    """Everything in TensorBoard's event files of a run."""
    accumulator = EventAccumulator(str(path / "tensorboard"))
    accumulator.Reload()
    return accumulator


class Interrupted(Training):
    """Receives SIGINT in step 3, the second epoch."""

    def _train_step(self, batch):
        if self.progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return super()._train_step(batch)


class TestTensorBoard:
    @pytest.fixture(scope="class")
    def run(self, tmp_path_factory, tiny_recipe, few_splits):
        """A run of three epochs, evaluated after the second and the third, once interrupted."""
        path = tmp_path_factory.mktemp("tensorboard") / "run"
        assert start(path, tiny_recipe, few_splits, kind=Interrupted).run() is None
        start(path, tiny_recipe, few_splits, resume=True).run()
        return path

    def test_scalars_of_every_epoch(self, run):
        with (run / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        for name in ("loss", "lr", "ap50_voc07", "images_per_second"):
            expected = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
            logged = [(event.step, event.value) for event in events(run).Scalars(name)]
            assert logged == [(step, pytest.approx(value)) for step, value in expected], name
        assert len(expected) == 3, "each epoch once, though the run was resumed"

    def test_pictures_at_the_evaluations(self, run):
        images = events(run).Images("predictions")
        assert [image.step for image in images] == [4, 6]
        newest = cv2.imdecode(np.frombuffer(images[-1].encoded_image_string, np.uint8), 1)
        np.testing.assert_array_equal(newest, cv2.imread(str(run / "predictions.png")))

    def test_recipe_as_hyper_parameters(self, run):
        (path,) = (run / "tensorboard").glob("*/hparams.yml")
        text = path.read_text()
        assert "momentum: 0.937" in text
        assert "classes: aeroplane, bicycle" in text


class TestChoice:
    def test_each_once(self):
        assert require_trackers(["tensorboard", "tensorboard"]) == ("tensorboard",)

    def test_none(self):
        """What a run without trackers writes is in test_engine.py."""
        assert require_trackers(["none"]) == ()

    def test_unknown(self):
        with pytest.raises(UserError, match="--tracker lr: choose from tensorboard, wandb"):
            require_trackers(["tensorboard", "lr", "0.1"])

    def test_none_and_another(self):
        with pytest.raises(UserError, match="'none' goes with no other"):
            require_trackers(["none", "tensorboard"])

    @pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])
    def test_package_that_is_not_installed(self, name, monkeypatch):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not
        with pytest.raises(UserError, match=rf"{name} is not installed; .*'yolox_ela\[{name}\]'"):
            require_trackers(["tensorboard", name])

    def test_folder_that_a_tracker_left_behind_is_no_package(self, tmp_path, foreign, monkeypatch):
        foreign()
        (tmp_path / "foreign").mkdir()
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(UserError, match="not installed"):
            require_trackers(["foreign"])


class TestBroken:
    def test_training_goes_on(self, tmp_path, tiny_recipe, few_splits, foreign, warnings_shown):
        """One warning; both epochs are trained, and logged to the tracker that works."""
        kind = foreign("image")
        path = tmp_path / "run"
        settings = {"batch_size": 8, "eval_interval": 1, "epochs": 2, "final_fraction": 0.0}
        recipe = override(tiny_recipe, settings)
        results = start(path, recipe, few_splits, trackers=("foreign", "tensorboard")).run()
        assert results["images"] == 4
        assert len(events(path).Scalars("loss")) == len(events(path).Images("predictions")) == 2
        (message,) = warnings_shown
        assert "--tracker foreign failed" in message
        assert "ConnectionError: server is gone" in message
        assert "long explanation" not in message
        assert [call for call, *_ in kind.calls] == ["start", "config", "image"], "then left out"

    @pytest.mark.parametrize("breaks_at", ["log", "end"])
    def test_others_are_served(self, tmp_path, foreign, warnings_shown, breaks_at):
        foreign(breaks_at)
        folder = made_folder(tmp_path / "run")
        with RunTrackers(("foreign", "tensorboard"), folder, CONFIG) as trackers:
            for step in (5, 10):
                trackers.log({"loss": 1.0}, step)
        assert [event.step for event in events(folder.path).Scalars("loss")] == [5, 10]
        assert len(warnings_shown) == 1

    def test_at_the_start_is_an_error(self, tmp_path, tiny_recipe, tiny_splits, foreign):
        foreign("start")
        training = start(
            tmp_path / "run", tiny_recipe, tiny_splits, trackers=("tensorboard", "foreign")
        )
        with pytest.raises(UserError, match=r"--tracker foreign cannot start.*ask its makers"):
            training.run()
        assert training.progress.step == 0
        assert not (tmp_path / "run" / "trackers.json").exists(), "nothing to continue"

    def test_run_to_continue_that_is_gone(self, tmp_path, foreign):
        folder = made_folder(tmp_path / "run")
        folder.write_json("trackers.json", {"foreign": "deleted"})
        kind = foreign("start")
        with pytest.raises(UserError, match=r"begin a new run there, take it out of .*trackers\."):
            RunTrackers(("foreign",), folder, CONFIG).__enter__()
        assert kind.calls == [("start", "deleted")]

    def test_failed_training_is_told_to_the_tracker(
        self, tmp_path, tiny_recipe, tiny_splits, foreign
    ):
        kind = foreign()
        recipe = override(tiny_recipe, {"lr": 1e18, "warmup_fraction": 0.0})
        with pytest.raises(UserError, match="not finite"):
            start(tmp_path / "run", recipe, tiny_splits, trackers=("foreign",)).run()
        assert kind.calls[-1] == ("end", True)


def test_identity_is_remembered(tmp_path, foreign):
    kind = foreign()
    folder = made_folder(tmp_path / "run")
    for _ in range(2):
        with RunTrackers(("foreign",), folder, CONFIG):
            pass
    starts = [call for call in kind.calls if call[0] == "start"]
    assert starts == [("start", None), ("start", "abc")]
    described = [call for call in kind.calls if call[0] == "config"]
    assert described == [("config", {"lr": 0.02, "classes": "cat, dog", "share_sites": False})]


def test_tracker_added_on_resumption(tmp_path, foreign):
    """It begins a run; the one that was there before continues its own."""
    folder = made_folder(tmp_path / "run")
    with RunTrackers(("tensorboard",), folder, CONFIG):
        pass
    kind = foreign()
    with RunTrackers(("tensorboard", "foreign"), folder, CONFIG):
        pass
    assert kind.calls[0] == ("start", None)
    assert json.loads((tmp_path / "run" / "trackers.json").read_text()) == {
        "tensorboard": "tensorboard",
        "foreign": "abc",
    }


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A current folder that must stay empty, and no settings of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith(("WANDB", "MLFLOW", "TRACKIO"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert not list(folder.iterdir()), "trackers write into the run folder only"


def log_and_continue(name, path, *, between=lambda: None):
    """A run that logs at step 5, and its resumption, which logs at step 10."""
    build_accelerator("cpu", "fp32")
    folder = made_folder(path)
    for step in (5, 10):
        with RunTrackers((name,), folder, CONFIG) as trackers:
            trackers.log({"loss": step / 2, "ap50_voc07": 0.5}, step)
            trackers.log_image("predictions", np.full((20, 30, 3), step, np.uint8), step)
        between()
    return json.loads((path / "trackers.json").read_text())[name]


def test_mlflow(tmp_path, elsewhere):
    mlflow = pytest.importorskip("mlflow")
    identity = log_and_continue("mlflow", tmp_path / "run")
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'run' / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("yolox_ela")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_id, run.info.run_name, run.info.status) == (identity, "run", "FINISHED")
    assert run.data.params == {"lr": "0.02", "classes": "cat, dog", "share_sites": "False"}
    history = client.get_metric_history(identity, "loss")
    assert [(point.step, point.value) for point in history] == [(5, 2.5), (10, 5.0)]
    (tmp_path / "run" / "mlflow" / "artifacts" / identity).resolve(strict=True)
    assert len(list((tmp_path / "run" / "mlflow").rglob("predictions*.png"))) == 2


def test_mlflow_marks_a_failed_run(tmp_path, elsewhere):
    mlflow = pytest.importorskip("mlflow")
    folder = made_folder(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt), RunTrackers(("mlflow",), folder, CONFIG):
        raise KeyboardInterrupt
    (identity,) = json.loads((tmp_path / "run" / "trackers.json").read_text()).values()
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'run' / 'mlflow' / 'mlflow.db'}")
    assert client.get_run(identity).info.status == "FAILED"


def alone(function, path):
    """Call one of this module's functions in a process of its own, where packages are fresh."""
    here, name = str(Path(__file__).parent), function.__name__
    lines = f"import sys, pathlib; sys.path.insert(0, {here!r}); import test_trackers"
    lines += f"; test_trackers.{name}(pathlib.Path({str(path)!r}))"
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)


def test_trackio(tmp_path, elsewhere):
    pytest.importorskip("trackio")
    done = alone(log_and_read_trackio, tmp_path / "run")  # it fixes its folder when imported
    assert done.returncode == 0, done.stderr


def log_and_read_trackio(path):
    assert log_and_continue("trackio", path) == "run"
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = trackio.Api().runs("yolox_ela")
    assert run.name == "run"
    settings = {key: run.config.get(key) for key in CONFIG}
    assert settings == {**CONFIG, "classes": "cat, dog"}
    rows = SQLiteStorage.get_logs("yolox_ela", "run")
    points = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    assert points == [(5, 2.5), (10, 5.0)]
    assert len(list((path / "trackio" / "media").rglob("*.png"))) == 2


def test_wandb_offline(tmp_path, elsewhere, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    # wandb names its folders by the second, and both runs may fall into one.
    identity = log_and_continue(
        "wandb",
        tmp_path / "run",
        between=lambda: monkeypatch.setenv("WANDB__SYNC_DIR_SUFFIX", "resumed"),
    )
    wandb.teardown()  # all is on the disk
    files = sorted((tmp_path / "run" / "wandb").glob(f"offline-run-*/run-{identity}.wandb"))
    assert len(files) == 2, "offline, a resumption writes a file of its own for the same run"
    for path in files:
        for word in (b"yolox_ela", b"ap50_voc07", b'"cat, dog"', b"predictions"):
            assert word in path.read_bytes(), word
        assert len(list((path.parent / "files" / "media").rglob("predictions_*.png"))) == 1


def test_wandb_without_login(tmp_path, elsewhere, monkeypatch):
    pytest.importorskip("wandb")
    for name in ("HOME", "NETRC", "WANDB_CONFIG_DIR"):  # where a login would be found
        monkeypatch.setenv(name, str(tmp_path / "nobody"))
    done = alone(log_and_continue_wandb, tmp_path / "run")  # it asks for a login once a process
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("yolox_ela.errors.UserError: --tracker wandb cannot start")
    assert "WANDB_MODE=offline" in last


def log_and_continue_wandb(path):
    log_and_continue("wandb", path)
