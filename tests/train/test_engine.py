"""The training loop on a tiny generated data set: files, resumption, stopping, broken numbers."""

import csv
import json
import os
import shutil
import signal

import pytest
import torch
from yolox.config import YoloxNano as UpstreamNano

from yolox_ela.attention import ela_s
from yolox_ela.augment.bank import memory_bank
from yolox_ela.augment.feed import DeviceFeed
from yolox_ela.errors import UserError
from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.run_timing import summarise_timing

pytestmark = pytest.mark.slow


def start(path, recipe, splits, *, kind=Training, resume=False, attention=None):
    """A training in `path`, from the same initial weights each time."""
    folder = RunFolder(path)
    folder.check(resume=resume)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = build_yolox(len(recipe.classes), attention)
    accelerator = build_accelerator("cpu", recipe.precision)
    task = Detection(recipe, *splits, accelerator)
    training = kind(recipe, model, task, folder, accelerator)
    if resume:
        training.resume()
    return training


class Interrupted(Training):
    """Receives SIGINT while step `at` (from 1) is being computed."""

    at = 0

    def _train_step(self, batch):
        if self.progress.step + 1 == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return super()._train_step(batch)


def interrupted_at(step):
    return type("InterruptedAt", (Interrupted,), {"at": step})


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory, tiny_recipe, tiny_splits):
    """An uninterrupted run: its folder, results and final training object."""
    path = tmp_path_factory.mktemp("whole") / "run"
    training = start(path, tiny_recipe, tiny_splits, attention=ela_s)
    return path, training.run(), training


def load(path):
    return torch.load(path, weights_only=True)


def assert_equal_tensors(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


class TestFiles:
    def test_metrics(self, whole_run, tiny_recipe):
        path, results, _ = whole_run
        with (path / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["1", "2", "3"]
        assert [row["step"] for row in rows] == ["5", "10", "15"]
        assert [bool(row["ap50"]) for row in rows] == [False, True, True], "interval 2 and the end"
        assert float(rows[-1]["ap50_voc07"]) == results["ap50_voc07"]
        assert float(rows[1]["l1"]) == 0 < float(rows[2]["l1"]), "L1 in the final epoch only"
        assert float(rows[0]["loss"]) > float(rows[2]["iou"]) > 0
        parts = sum(float(rows[2][name]) for name in ("iou", "objectness", "class", "l1"))
        assert parts == pytest.approx(float(rows[2]["loss"]), rel=1e-4)

    def test_pictures_and_json(self, whole_run):
        path, results, _ = whole_run
        assert (path / "curves.png").read_bytes()[:4] == b"\x89PNG"
        assert json.loads((path / "results.json").read_text()) == json.loads(json.dumps(results))
        assert any((path / "tensorboard").rglob("events.out.tfevents.*"))

    def test_weights_are_the_average(self, whole_run):
        path, _, training = whole_run
        content = load(path / "last.pth")
        assert_equal_tensors(content["model"], training.ema.model.state_dict())
        assert content["epoch"] == 3
        assert content["classes"][0] == "aeroplane"

    def test_best_is_the_best_evaluated_epoch(self, whole_run):
        path, _, training = whole_run
        evaluated = {r["epoch"]: r["ap50_voc07"] for r in training.progress.history if "ap50" in r}
        best = load(path / "best.pth")
        assert evaluated[best["epoch"]] == max(evaluated.values())

    def test_no_temporary_files(self, whole_run):
        assert not list(whole_run[0].rglob("*.tmp"))


def test_upstream_loads_the_baseline(tmp_path, tiny_recipe, tiny_splits):
    recipe = override(tiny_recipe, {"epochs": 1, "final_fraction": 0.0})
    start(tmp_path / "run", recipe, tiny_splits).run()
    config = UpstreamNano()
    config.num_classes = 20
    upstream = config.get_model().eval()
    content = load(tmp_path / "run" / "last.pth")
    upstream.load_state_dict(content["model"], strict=True)
    ours = build_yolox(20).eval()
    ours.load_state_dict(content["model"])
    images = torch.rand(1, 3, 64, 64) * 255
    assert torch.equal(upstream(images), ours(images))


class TestResume:
    @pytest.mark.parametrize("step", [5, 12])
    def test_same_weights_as_uninterrupted(
        self, whole_run, tmp_path, tiny_recipe, tiny_splits, step
    ):
        """Step 5 ends an epoch, 12 is in the middle of the final one."""
        path = tmp_path / "run"
        first = start(path, tiny_recipe, tiny_splits, kind=interrupted_at(step), attention=ela_s)
        assert first.run() is None
        assert load(path / "state.pth")["progress"]["step"] == step

        second = start(path, tiny_recipe, tiny_splits, resume=True, attention=ela_s)
        results = second.run()

        _, expected, whole = whole_run
        assert_equal_tensors(second.network.state_dict(), whole.network.state_dict())
        assert_equal_tensors(second.ema.model.state_dict(), whole.ema.model.state_dict())
        assert results["per_class"] == expected["per_class"]
        for mine, other in zip(second.progress.history, whole.progress.history, strict=True):
            for key in ("epoch", "step", "lr", "loss", "iou", "objectness", "class", "l1"):
                assert mine[key] == other[key]

    def test_knows_its_start(self, tmp_path, tiny_recipe, tiny_splits):
        """The share of the start in what is evaluated and kept."""
        recipe = override(tiny_recipe, {"epochs": 1, "final_fraction": 0.0, "start_share": 0.5})
        begun = start(tmp_path / "run", recipe, tiny_splits, kind=interrupted_at(3))
        before = {name: t.clone() for name, t in begun.network.state_dict().items()}
        assert begun.run() is None
        resumed = start(tmp_path / "run", recipe, tiny_splits, resume=True)
        resumed.run()
        kept = load(tmp_path / "run" / "last.pth")["model"]
        for name, average in resumed.ema.model.state_dict().items():
            if average.is_floating_point():
                torch.testing.assert_close(kept[name], (before[name] + average) / 2)
                if name.endswith("conv.weight"):
                    assert not torch.equal(before[name], average), "or this test could not fail"

    def test_adamw_continues_bit_by_bit(self, tmp_path, tiny_recipe, tiny_splits):
        settings = {"optimizer": "adamw", "lr": 0.004, "epochs": 1, "final_fraction": 0.0}
        recipe = override(tiny_recipe, settings)
        whole = start(tmp_path / "whole", recipe, tiny_splits)
        whole.run()
        path = tmp_path / "run"
        assert start(path, recipe, tiny_splits, kind=interrupted_at(3)).run() is None
        saved = load(path / "state.pth")["optimizer"]["state"]
        assert all({"step", "exp_avg", "exp_avg_sq"} <= entry.keys() for entry in saved.values())
        resumed = start(path, recipe, tiny_splits, resume=True)
        resumed.run()
        assert_equal_tensors(resumed.network.state_dict(), whole.network.state_dict())
        assert_equal_tensors(resumed.ema.model.state_dict(), whole.ema.model.state_dict())

    def test_killed_before_the_first_save_of_an_epoch(self, tmp_path, tiny_recipe, tiny_splits):
        """The evaluation of the start is kept: the run can go on, and begins with its scores."""

        class Broken(Training):
            def _train_step(self, batch):
                raise RuntimeError

        recipe = override(
            tiny_recipe, {"epochs": 1, "final_fraction": 0.0, "evaluate_start": "always"}
        )
        with pytest.raises(RuntimeError):
            start(tmp_path / "run", recipe, tiny_splits, kind=Broken).run()
        resumed = start(tmp_path / "run", recipe, tiny_splits, resume=True)
        assert [row["epoch"] for row in resumed.progress.history] == [0]
        resumed.run()
        whole = start(tmp_path / "whole", recipe, tiny_splits)
        whole.run()
        assert [row["epoch"] for row in resumed.progress.history] == [0, 1]
        assert resumed.progress.history[0] == whole.progress.history[0]
        assert_equal_tensors(resumed.network.state_dict(), whole.network.state_dict())

    def test_killed_during_the_last_evaluation(self, whole_run, tmp_path, tiny_recipe, tiny_splits):
        """The epoch's training is kept; the evaluation is made up for."""

        class Killed(Training):
            def _evaluate(self):
                if self.progress.step == 15:
                    raise KeyboardInterrupt
                return super()._evaluate()

        path = tmp_path / "run"
        with pytest.raises(KeyboardInterrupt):
            start(path, tiny_recipe, tiny_splits, kind=Killed, attention=ela_s).run()
        resumed = start(path, tiny_recipe, tiny_splits, resume=True, attention=ela_s)
        assert resumed.progress.step == 15
        results = resumed.run()
        _, expected, whole = whole_run
        assert results["per_class"] == expected["per_class"]
        assert_equal_tensors(resumed.network.state_dict(), whole.network.state_dict())
        assert [row["epoch"] for row in resumed.progress.history] == [1, 2, 3]
        assert (load(path / "best.pth")["epoch"]) == load(whole_run[0] / "best.pth")["epoch"]

    def test_finished_run_stays_as_it_is(self, whole_run, tiny_recipe, tiny_splits):
        path, expected, _ = whole_run
        before = (path / "last.pth").read_bytes()
        again = start(path, tiny_recipe, tiny_splits, resume=True, attention=ela_s).run()
        assert again == json.loads(json.dumps(expected))
        assert (path / "last.pth").read_bytes() == before

    def test_new_run_does_not_overwrite(self, whole_run):
        with pytest.raises(UserError, match="already holds a run: add --resume"):
            RunFolder(whole_run[0]).check(resume=False)

    def test_state_of_another_version(self, tmp_path, tiny_recipe, tiny_splits):
        """Fields that it lacks had their defaults; a foreign optimizer is told in one line."""
        first = start(tmp_path, tiny_recipe, tiny_splits)
        first.save_state()
        content = load(tmp_path / "state.pth")
        del content["recipe"]["attention_start"]
        torch.save(content, tmp_path / "state.pth")
        start(tmp_path, tiny_recipe, tiny_splits, resume=True)
        content["optimizer"]["param_groups"].pop()
        torch.save(content, tmp_path / "state.pth")
        with pytest.raises(UserError, match="groups of parameters, and this version has"):
            start(tmp_path, tiny_recipe, tiny_splits, resume=True)

    def test_weights_in_the_place_of_a_state(self, whole_run, tmp_path, tiny_recipe, tiny_splits):
        shutil.copy(whole_run[0] / "last.pth", tmp_path / "state.pth")
        with pytest.raises(UserError, match=r"state\.pth is not the state of a run: it has no ema"):
            start(tmp_path, tiny_recipe, tiny_splits, resume=True)

    def test_nothing_to_resume(self, tmp_path):
        with pytest.raises(UserError, match="nothing to resume"):
            RunFolder(tmp_path).check(resume=True)

    def test_damaged_state(self, tmp_path, tiny_recipe, tiny_splits):
        (tmp_path / "state.pth").write_bytes(b"damaged")
        with pytest.raises(UserError, match=r"state\.pth cannot be read"):
            start(tmp_path, tiny_recipe, tiny_splits, resume=True)


class Poisoned(Training):
    """A weight becomes NaN in the optimizer's step 7, after that step's loss was computed."""

    def _train_step(self, batch):
        row = super()._train_step(batch)
        if self.progress.step == self.at:
            with torch.no_grad():
                self.network.head.obj_preds[0].bias.fill_(float("nan"))
        return row


class TestNonFinite:
    @pytest.mark.parametrize("step", [7, 10])
    def test_good_state_survives(self, tmp_path, tiny_recipe, tiny_splits, step):
        """Step 7 shows in the next loss; step 10 ends an epoch, so only the weights tell."""
        path = tmp_path / "run"
        poisoned = type("PoisonedAt", (Poisoned,), {"at": step})
        with pytest.raises(UserError, match=r"not finite at step .*last good state.*Lower lr"):
            start(path, tiny_recipe, tiny_splits, kind=poisoned).run()
        state = load(path / "state.pth")
        assert state["progress"]["step"] == 5
        for weights in (state["model"], state["ema"], load(path / "last.pth")["model"]):
            assert all(t.isfinite().all() for t in weights.values())
        dump = load(path / "nonfinite_rank0.pth")
        assert len(dump["last_batch_ids"]) == 4
        assert dump["last_batch_images"].shape == (4, 3, 64, 64)

    def test_exploding_rate(self, tmp_path, tiny_recipe, tiny_splits):
        recipe = override(tiny_recipe, {"lr": 1e18, "warmup_fraction": 0.0})
        with pytest.raises(UserError, match="not finite"):
            start(tmp_path / "run", recipe, tiny_splits).run()
        assert not (tmp_path / "run" / "last.pth").exists()


def test_second_interrupt_stops_at_once(tmp_path, tiny_recipe, tiny_splits, monkeypatch, capfd):
    class Twice(Training):
        def _train_step(self, batch):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)  # at the same time: a wish that came twice
            assert self.progress.step == 0
            monkeypatch.setattr("yolox_ela.train.stop.SAME_SECONDS", 0.0)
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("not stopped")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", tiny_recipe, tiny_splits, kind=Twice).run()
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().err.count("stopping: finishing the step") == 1


def test_gradient_clipping_bounds_the_step(tmp_path, tiny_recipe, tiny_splits):
    settings = {"epochs": 1, "grad_clip": 1e-3, "lr": 1.0, "weight_decay": 0.0, "momentum": 0.0}
    settings |= {"final_fraction": 0.0, "warmup_fraction": 0.0}
    recipe = override(tiny_recipe, settings)
    training = start(tmp_path / "run", recipe, tiny_splits)
    before = [p.detach().clone() for p in training.network.parameters()]
    training.run()
    moved = [(a - b).norm() for a, b in zip(training.network.parameters(), before, strict=True)]
    # Five steps of at most lr * clip; the rate is 0.25 for a batch of 4.
    assert 0 < torch.stack(moved).norm() <= 5 * 0.25 * 1e-3 * 1.001


def test_a_run_that_renders_on_the_device(tmp_path, tiny_recipe, tiny_splits):
    """On the CPU here, with the same samples; and its folder says where the time went."""
    recipe = override(tiny_recipe, {"epochs": 2, "final_fraction": 0.0, "multiscale": 0.0})
    plain = start(tmp_path / "plain", recipe, tiny_splits)
    plain.run()
    training = start(tmp_path / "run", recipe, tiny_splits)
    bank = memory_bank(tiny_splits[0], recipe.image_size)
    training.task.feed = DeviceFeed(tiny_splits[0], recipe, training.device, bank)
    assert training.run() is not None
    for mine, other in zip(training.progress.history, plain.progress.history, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=0.1)
        assert mine["memory_gib"] > 0
    times = json.loads((tmp_path / "run" / "timing.json").read_text())
    assert times == summarise_timing(training.progress.history)
    assert 0 < times["train_seconds"] < times["seconds"]
    assert 0 <= times["data_wait_share"] < 1
