"""--overfit and --quick: what they train on, what they change, and that they are no results."""

import json

import numpy as np
import pytest
import torch
from command_line import SMALL, epochs

from yolox_ela.commands.train_options import configured, parse
from yolox_ela.commands.trial import chosen_images
from yolox_ela.experiment import load_experiment
from yolox_ela.recipe import Recipe
from yolox_ela.tables.record import read_rows


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """The settings of a command line."""

    def settings(*words):
        monkeypatch.setattr("sys.argv", ["train", "-f", "nano_ela_s", *words])
        args = parse(tmp_path)
        return configured(load_experiment(args.experiment), args)

    return settings


@pytest.mark.parametrize(
    ("words", "name", "changed"),
    [
        (
            ["--overfit", "16"],
            "nano_ela_s-overfit=16",
            {"epochs": 200, "mosaic_prob": 0.0, "flip_prob": 0.0, "lr": 0.02},
        ),
        (
            ["--overfit", "16", "-e", "50", "mosaic_prob", "1", "size", "s"],
            "nano_ela_s-size=s-overfit=16",
            {"epochs": 50, "mosaic_prob": 1.0, "hsv_prob": 0.0},
        ),
        (["name", "mine", "overfit=3"], "mine-overfit=3", {"overfit": 3}),
        (["name", "mine", "--quick"], "mine-quick", {"epochs": 8, "evaluate_start": "never"}),
        (["--quick", "evaluate_start", "always"], "nano_ela_s-quick", {"evaluate_start": "always"}),
        (
            ["--quick", "-e", "30", "--recipe", "tuned"],
            "nano_ela_s-quick",
            {"epochs": 3, "warmup_steps": 2, "lr": 0.001},
        ),
    ],
)
def test_settings_and_name(settings, words, name, changed):
    recipe = settings(*words)
    assert recipe.name == name
    assert {field: getattr(recipe, field) for field in changed} == changed


def test_chosen_images(build_split):
    """The first with objects that count; a tenth of all, evenly spread."""
    box = (0, 0, 9, 9)
    images = [[], [(0, box, True)], [(0, box)], [], *[[(1, box), (0, box)]] * 16]
    split = build_split(images)
    everything = np.arange(len(split)).astype(str).tolist()
    ids = split.ids.tolist()
    assert len(set(ids)) == len(everything)

    def chosen(**fields):
        return [ids.index(i) for i in chosen_images(Recipe(**fields), split).ids.tolist()]

    assert chosen() == list(range(20))
    assert chosen(overfit=3) == [2, 4, 5]
    assert chosen(overfit=99) == [2, *range(4, 20)]
    assert chosen(quick=True) == [2, 11]


@pytest.mark.slow
def test_overfit_trains_and_tests_on_the_same_images(call, project, data, tmp_path):
    words = ["-f", "nano_ela_s", "--data", data, "-c", "none", *epochs(1), "--overfit", "5"]
    done = call("tools/train.py", *words)
    run = project / "runs" / "nano_ela_s-overfit=5"
    assert "--overfit 5: trained and evaluated on the same images" in done.stderr
    assert "flip_prob 0.0" in done.stderr
    config = json.loads((run / "config.json").read_text())
    assert config["train_sets"] == config["test_sets"] == ["2007/trainval"]
    weights = torch.load(run / "last.pth", weights_only=True)
    assert weights["train_data"] == weights["test_data"]
    assert weights["train_images"] == 5
    assert json.loads((run / "results.json").read_text())["images"] == 5
    # Its weights can be evaluated, and a row says what they are.
    record = tmp_path / "rows.csv"
    call("tools/eval.py", "-c", run / "last.pth", "--device", "cpu", "--record", record)
    (row,) = read_rows(record)
    assert row.exp == "nano_ela_s-overfit=5"
    assert "overfit=5" in row.settings
    assert row.protocol == "custom"
    again = call("tools/train.py", "--resume", "--no-report", root=project).stderr
    assert "nano_ela_s-overfit=5 is complete" in again


@pytest.mark.slow
def test_quick_uses_a_tenth(call, project, data):
    words = ["-f", "nano_ela_s", "--data", data, "-c", "none", *SMALL, "--quick"]
    done = call("tools/train.py", *epochs(20, words))
    run = project / "runs" / "nano_ela_s-quick"
    assert "epoch 2/2" in done.stderr
    weights = torch.load(run / "last.pth", weights_only=True)
    assert weights["train_images"] == 2
    assert json.loads((run / "results.json").read_text())["images"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--overfit", "16", "--record"], "--overfit is a trial, whose scores are no results"),
        (["quick", "true", "--record"], "--quick is a trial, whose scores are no results"),
        (["--quick", "--overfit", "4"], "--overfit and --quick are two trials"),
        (["--overfit", "0"], "'0' is not a whole number of at least 1"),
    ],
)
def test_refused(call, project, words, message):
    error = call("tools/train.py", "-f", "nano", *words, expect=2, root=project).stderr
    assert message in error


def test_a_file_states_no_trial(call, project, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from yolox_ela.experiment import Experiment\nexp = Experiment(overfit=4)\n")
    error = call("tools/train.py", "-f", path, expect=2, root=project).stderr
    assert "these are for the command line only" in error


def test_the_largest_batch_needs_a_gpu(call, project, data):
    for words in (["-b", "auto"], ["batch_size", "auto"], ["-b", "auto", "--resume"]):
        words = ["-f", "nano", "--data", data, "-c", "none", "--device", "cpu", *words]
        error = call("tools/train.py", *words, expect=2, root=project).stderr
        assert "this runs on cpu: give a number, as in -b 16" in error
