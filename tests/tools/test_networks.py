"""Another size, attention and sites, from the command line to rows, resumption and pictures."""

import json
import shutil

import pytest
import torch
from command_line import ONE_EPOCH, SMALL, exp

from yolox_ela.tables.record import read_rows

MINE = """
import torch
from torch import nn

class Mine(nn.Module):
    def __init__(self, channels, *, power: float = 1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.power = power

    def forward(self, x):
        return x * self.scale**self.power

class Cut(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x[:, 1:]
"""
NAME = "nano-size=tiny-attention=mine.Mine,power=2-sites=dark5,C3_p4"


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    path = tmp_path_factory.mktemp("modules") / "mine.py"
    path.write_text(MINE)
    return path


@pytest.fixture
def words(mine, project, data):
    options = ["-f", exp(project, "nano"), "--data", data, "-c", "none", *ONE_EPOCH]
    return [*options, "size", "tiny", f"attention={mine}:Mine:power=2", "sites=C3_p4,dark5"]


def test_from_training_to_pictures(call, words, mine, project, data, tmp_path):
    record, run = tmp_path / "rows.csv", project / "runs" / NAME
    done = call("tools/train.py", *words, "--record", record)
    attention = f"{mine}:Mine:power=2"
    assert f"attention={attention}" in done.stderr + done.stdout, "the commands to try next"
    config = json.loads((run / "config.json").read_text())
    assert (config["size"], config["attention"]) == ("tiny", attention)
    assert config["sites"] == ["dark5", "C3_p4"]
    best = torch.load(run / "last.pth", weights_only=True)
    assert best["experiment"] == NAME
    assert best["model"]["backbone.attention.dark5.scale"].shape == (384, 1, 1)
    assert type(best["recipe"]["attention"]) is str
    (row,) = read_rows(record)
    assert row.exp == NAME
    for part in (f"attention={attention}", "sites=dark5,C3_p4", "size=tiny"):
        assert part in row.settings

    weights = ["-c", run / "last.pth", "--device", "cpu"]
    error = call("tools/eval.py", *weights, expect=2).stderr
    assert f"attention={attention} behind eval" in error
    call("tools/eval.py", *weights, f"attention={attention}", "--record", record)
    trained, evaluated = read_rows(record)
    assert (evaluated.exp, evaluated.settings) == (NAME, row.settings)
    assert evaluated.ap50 == pytest.approx(trained.ap50, abs=1e-6)

    picture = next((data / "VOCdevkit/VOC2007/JPEGImages").iterdir())
    predict = ["tools/demo.py", *weights, "-o", tmp_path / "out", picture]
    assert "--attention" in call(*predict, expect=2).stderr
    call(*predict, "--attention", attention)
    assert (tmp_path / "out" / "detections.json").is_file()

    call("tools/train.py", *words, "--resume")  # complete; in another order it is the same
    other = [*words[:-1], "sites=dark5"]
    error = call("tools/train.py", *other, "--resume", "-o", run, expect=2).stderr
    assert "sites was ['dark5', 'C3_p4'], is ['dark5']" in error


def test_a_broken_module_is_named_before_any_image_is_read(call, project, data, mine, tmp_path):
    broken = shutil.copytree(data, tmp_path / "data")
    for picture in (broken / "VOCdevkit/VOC2007/JPEGImages").iterdir():
        picture.write_bytes(b"no picture")
    train = ["tools/train.py", "-f", exp(project, "nano"), "--data", broken, "-c", "none", *SMALL]
    error = call(*train, f"attention={mine}:Cut", expect=2).stderr
    assert "attention Cut (mine.py:14) at site dark3 of YOLOX-Nano returns a tensor of" in error
    assert not (project / "runs" / "nano-attention=mine.Cut").exists()
    error = call(*train, "attention=ela_x", expect=2).stderr
    assert "attention ela_x: the package has no such module; did you mean" in error


def test_any_size_and_attention_is_counted(call, tmp_path):
    table = ["tools/table.py", "complexity", "--size", "tiny", "--attention", "none", "ela_s"]
    call(*table, "--json", tmp_path / "table.json")
    (table,) = json.loads((tmp_path / "table.json").read_text())
    found = {row["exp"]: row["parameters"] for row in table["rows"]}
    assert found == {"nano-size=tiny": 5_038_395, "nano-size=tiny-attention=ela_s": 5_115_003}
    assert call("tools/table.py", "complexity", "--size", "huge", expect=2)
