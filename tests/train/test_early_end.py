"""Runs that end before their last epoch: patience, and a limit of time."""

import json

import pytest
from test_engine import load, start

from yolox_ela.overrides import override

pytestmark = pytest.mark.slow
# Random weights that hardly move detect nothing, so that no epoch scores better than the first.
FLAT = {
    "batch_size": 10,
    "epochs": 3,
    "final_fraction": 0.33,
    "eval_interval": 1,
    "lr": 1e-5,
    "multiscale": 0.0,
}


class TestPatience:
    def test_ends_as_if_the_last_epoch_had_come(self, tmp_path, tiny_recipe, tiny_splits, screen):
        recipe = override(tiny_recipe, {**FLAT, "patience": 1})
        training = start(tmp_path, recipe, tiny_splits)
        results = training.run()
        assert [row["epoch"] for row in training.progress.history] == [1, 2]
        assert json.loads((tmp_path / "results.json").read_text()) == json.loads(
            json.dumps(results)
        )
        assert load(tmp_path / "best.pth")["epoch"] == 1
        assert load(tmp_path / "last.pth")["epoch"] == 2
        assert load(tmp_path / "last.pth")["recipe"]["patience"] == 1
        said = (
            "ended after epoch 2 of 3, since patience is 1 and no epoch after 1 has scored better"
        )
        assert any(said in line for line in screen)
        assert not any("continue with the same command" in line for line in screen)

        before = (tmp_path / "state.pth").read_bytes()
        again = start(tmp_path, recipe, tiny_splits, resume=True).run()
        assert again == json.loads(json.dumps(results)), "it is complete"
        assert (tmp_path / "state.pth").read_bytes() == before

        patient = override(recipe, {"patience": 0})
        resumed = start(tmp_path, patient, tiny_splits, resume=True)
        assert resumed.run() is not None
        assert [row["epoch"] for row in resumed.progress.history] == [1, 2, 3]
