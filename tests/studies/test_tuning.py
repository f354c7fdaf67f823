"""The scripts in studies/tuning, on real photographs and weights."""

import runpy
import sys
from pathlib import Path

import pytest

from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.named_recipes import RECIPES
from yolox_ela.overrides import override
from yolox_ela.train.checkpoint import save_checkpoint

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
EXPS = PROJECT / "exps"
SMALL = ["image_size", "64", "batch_size", "4", "workers", "0", "multiscale", "0"]


@pytest.fixture
def script(shared, tiny_voc, capsys, monkeypatch):
    """Run one with COCO's weights and these words; the lines that it prints."""

    def run(name, exp, *words, **names):
        options = ["-f", EXPS / f"{exp}.py", "-c", shared / "weights" / "yolox_nano_coco.pth"]
        options += ["--data", tiny_voc, "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", [name, *map(str, options), *map(str, words)])
        main = runpy.run_path(str(PROJECT / "studies" / "tuning" / f"{name}.py"))["main"]
        main.__globals__.update(names)
        assert main() == 0
        return capsys.readouterr().out.splitlines()

    return run


def test_first_steps(script):
    """The start that README speaks of: the paper's gates block, the identity's do not."""
    tuned = ["class_head_start", "by_name", "attention_start", "identity"]
    rows = {}
    for name, words in (("paper", []), ("tuned", tuned)):
        header, _, *table = script("first_steps", "nano_ela_s", *SMALL, *words, SHOWN=(0, 1, 2))
        assert [row.split()[0] for row in table] == ["0", "1", "2"]
        columns = header.replace("class branch", "class").replace("BN var", "BN")
        columns = columns.replace("best score", "best").split()
        rows[name] = [dict(zip(columns, map(float, row.split()), strict=True)) for row in table]
    assert rows["paper"][0]["passes"] < 0.5
    assert rows["tuned"][0]["passes"] == 1
    assert rows["paper"][0]["best"] < rows["tuned"][0]["best"] / 10
    assert rows["tuned"][0]["backbone"] == 0 < rows["tuned"][1]["backbone"]
    assert rows["tuned"][2]["gradient"] > 0


def test_shares(script, zero_shot_weights, tmp_path):
    """Of a run that has not moved at all every mixture scores the same, and none is 0."""
    exp = override(load_experiment(EXPS / "nano.py"), {"class_head_start": "by_name"})
    content = {"model": zero_shot_weights, "recipe": exp.to_dict()}
    save_checkpoint(tmp_path / "last.pth", content)
    words = ["--run", tmp_path, "image_size", "64", "workers", "0"]
    lines = script("shares", "nano", *words, SHARES=(0.0, 0.5))
    shares, scores = zip(*(line.split(" of the start: ") for line in lines), strict=True)
    assert shares == ("0.00", "0.50")
    assert len(set(scores)) == 1
    assert "AP50 07 0.00" not in scores[0]


def test_shares_of_a_run_that_has_one(script, zero_shot_weights, tmp_path):
    exp = override(load_experiment(EXPS / "nano.py"), RECIPES["tuned"])
    save_checkpoint(tmp_path / "last.pth", {"model": zero_shot_weights, "recipe": exp.to_dict()})
    with pytest.raises(UserError, match="has a share of its start already"):
        script("shares", "nano", "--run", tmp_path)
