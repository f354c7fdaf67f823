"""Class weights on the command line: recorded with the run, or refused before it has a folder."""

import json

import pytest
import torch
from command_line import ONE_EPOCH, exp

from yolox_ela.tables.record import read_rows

pytestmark = pytest.mark.slow


def test_recorded_with_the_run(call, project, data, tmp_path):
    words = ["-f", exp(project, "nano"), "--data", data, "-c", "none", "-o", tmp_path / "run"]
    words += [*ONE_EPOCH, "class_weights", "balanced", "--record", tmp_path / "rows.csv"]
    done = call("tools/train.py", *words)
    assert "class weights: from " in done.stderr + (tmp_path / "run/train.log").read_text()
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["class_weights"] == "balanced"
    content = torch.load(tmp_path / "run/last.pth", weights_only=True)
    assert not any("class_weights" in name for name in content["model"])
    (row,) = read_rows(tmp_path / "rows.csv")
    assert "class_weights=balanced" in row.settings


def test_refused_before_there_is_a_folder(call, project, data, tmp_path):
    words = ["-f", exp(project, "nano"), "--data", data, "-c", "none", "-o", tmp_path / "run"]
    done = call("tools/train.py", *words, *ONE_EPOCH, "class_weights", "hors:2", expect=2)
    assert (
        "class_weights names 'hors', which is no class of the run; did you mean horse"
        in done.stderr
    )
    assert not (tmp_path / "run").exists()
