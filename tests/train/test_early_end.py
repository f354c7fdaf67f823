"""Runs that end before their last epoch: patience, and a limit of time."""

import json

import pytest
from test_engine import assert_equal_tensors, interrupted_at, load, start

from yolox_ela.overrides import override
from yolox_ela.train.engine import Training
from yolox_ela.train.pace import Pace
from yolox_ela.train.time_limit import TimeLimit

pytestmark = pytest.mark.slow
# Random weights that hardly move detect nothing, so that no epoch scores better than the first.
FLAT = {
    "batch_size": 8,
    "epochs": 3,
    "final_fraction": 0.33,
    "eval_interval": 1,
    "lr": 1e-5,
    "multiscale": 0.0,
}


class TestPatience:
    def test_ends_as_if_the_last_epoch_had_come(self, tmp_path, tiny_recipe, few_splits, screen):
        recipe = override(tiny_recipe, {**FLAT, "patience": 1})
        training = start(tmp_path, recipe, few_splits, trackers=())
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
        again = start(tmp_path, recipe, few_splits, resume=True, trackers=()).run()
        assert again == json.loads(json.dumps(results)), "it is complete"
        assert (tmp_path / "state.pth").read_bytes() == before

        patient = override(recipe, {"patience": 0})
        resumed = start(tmp_path, patient, few_splits, resume=True, trackers=())
        assert resumed.run() is not None
        assert [row["epoch"] for row in resumed.progress.history] == [1, 2, 3]


class TestTimeLimit:
    def test_stops_with_weights_and_scores(self, tmp_path, tiny_recipe, few_splits, screen):
        """In the middle of epoch 2, by a clock of its own: it jumps to where an evaluation and
        two of the five seconds for the files are left, however long this machine takes."""
        recipe = override(tiny_recipe, {**FLAT, "batch_size": 2, "lr": 0.02})
        now = [0.0]

        class Timed(Training):
            def _train_step(self, batch):
                if self.progress.step == 5:
                    now[0] = 1e6 - self.records.pace.evaluation_seconds(4) - 2
                return super()._train_step(batch)

        training = start(tmp_path, recipe, few_splits, kind=Timed, trackers=())
        training.time_limit = TimeLimit(1e6, 0.0, images=4, clock=lambda: now[0])
        assert training.run() is None
        step = training.progress.step
        assert step == 6
        assert load(tmp_path / "state.pth")["progress"]["step"] == step
        last = load(tmp_path / "last.pth")
        assert last["epoch"] == step / 4
        assert_equal_tensors(last["model"], training.ema.model.state_dict())
        results = json.loads((tmp_path / "results.json").read_text())
        assert last["metrics"]["ap50"] == results["ap50"]
        assert any("the time limit of 11 days, 13:46:40 is near" in line for line in screen)
        assert any("continue with the same command" in line for line in screen)

        later = {"kind": interrupted_at(9), "trackers": ()}
        resumed = start(tmp_path, recipe, few_splits, resume=True, **later)
        resumed.run()
        unevaluated = override(recipe, {"eval_interval": 3})
        whole = start(tmp_path / "whole", unevaluated, few_splits, **later)
        whole.run()
        assert resumed.progress.step == whole.progress.step == 9
        assert_equal_tensors(resumed.ema.model.state_dict(), whole.ema.model.state_dict())
        assert [row["epoch"] for row in resumed.progress.history] == [1, 2]

    @pytest.mark.parametrize(
        ("evaluations", "near"),
        [
            ([], {89.0: False, 91.0: True}),  # 8 images at 0.5 seconds, a step, 5 for the files
            ([20.0, 30.0], {63.0: False, 65.0: True}),  # the longest one
        ],
    )
    def test_reserves_an_evaluation(self, tiny_recipe, evaluations, near):
        recipe = override(tiny_recipe, {"batch_size": 2})
        pace = Pace(recipe, 5)
        for seconds in [60.0] + [1.0] * 5:
            pace.add_step(seconds)
        for seconds in evaluations:
            pace.add_evaluation(seconds)
        for now, expected in near.items():
            limit = TimeLimit(100.0, 0.0, images=8, clock=lambda now=now: now)
            assert limit.is_near(pace, 1) is expected, now

    def test_says_nothing_of_steps_before_it_knows_them(self, tiny_recipe):
        """The first step starts the loader processes, and takes a minute."""
        pace = Pace(tiny_recipe, 5)
        pace.add_step(60.0)
        assert not TimeLimit(100.0, 0.0, images=5000, clock=lambda: 60.0).is_near(pace, 1)
        assert TimeLimit(50.0, 0.0, images=5000, clock=lambda: 60.0).is_near(pace, 1)
        assert not TimeLimit(clock=lambda: 1e9).is_near(pace, 1), "no limit"
