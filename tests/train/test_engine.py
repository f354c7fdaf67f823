"""The training loop on a tiny generated data set: files, resumption, stopping, broken numbers."""

import csv
import json
import os
import shutil
import signal

import pytest
import torch
from shallow import shallow_yolox
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


def start(
    path,
    recipe,
    splits,
    *,
    kind=Training,
    resume=False,
    attention=None,
    build=shallow_yolox,
    **options,
):
    """A training in `path`, from the same initial weights each time."""
    folder = RunFolder(path)
    folder.check(resume=resume)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = build(len(recipe.classes), attention)
    accelerator = build_accelerator("cpu", recipe.precision)
    task = Detection(recipe, *splits, accelerator)
    training = kind(recipe, model, task, folder, accelerator, **options)
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


class UntilThree(interrupted_at(3)):
    """Remembers the average at the end of its first epoch, of two steps."""

    def _end_epoch(self):
        average = self.ema.model.state_dict()
        self.average_after_an_epoch = {name: tensor.clone() for name, tensor in average.items()}
        return super()._end_epoch()


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


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory, tiny_recipe, tiny_splits):
    """The baseline, evaluated before and after its only epoch: recipe and training."""
    settings = {"epochs": 1, "final_fraction": 0.0, "evaluate_start": "always"}
    recipe = override(tiny_recipe, settings)
    path = tmp_path_factory.mktemp("one_epoch") / "run"
    training = start(path, recipe, tiny_splits, trackers=())
    training.run()
    return recipe, training


def test_without_trackers(one_epoch):
    """The run folder still has all numbers and the newest picture."""
    names = {path.name for path in one_epoch[1].folder.path.iterdir()}
    assert {"metrics.csv", "predictions.png"} <= names
    assert not {"tensorboard", "trackers.json"} & names


def test_upstream_loads_the_baseline(tmp_path, tiny_recipe, few_splits):
    settings = {"epochs": 1, "final_fraction": 0.0, "batch_size": 8}
    recipe = override(tiny_recipe, settings)
    start(tmp_path, recipe, few_splits, build=build_yolox, trackers=()).run()
    config = UpstreamNano()
    config.num_classes = 20
    upstream = config.get_model().eval()
    content = load(tmp_path / "last.pth")
    upstream.load_state_dict(content["model"], strict=True)
    ours = build_yolox(20).eval()
    ours.load_state_dict(content["model"])
    images = torch.rand(1, 3, 64, 64) * 255
    assert torch.equal(upstream(images), ours(images))


class TestResume:
    @pytest.fixture(scope="class")
    def continued(self, tmp_path_factory, tiny_recipe, tiny_splits):
        """The whole run again, but stopped twice and killed once.

        At step 5, the end of an epoch; at step 12, in the middle of the final one; and during the
        last evaluation. Returns its folder, the step of the state after each time, the results and
        the last training object.
        """

        class Killed(Training):
            def _evaluate(self, network):
                if self.progress.step == 15:
                    raise KeyboardInterrupt
                return super()._evaluate(network)

        def go_on(kind=Training):
            return start(path, tiny_recipe, tiny_splits, kind=kind, resume=bool(steps), **options)

        options = {"attention": ela_s, "trackers": ()}
        path, steps = tmp_path_factory.mktemp("continued") / "run", []
        for kind in (interrupted_at(5), interrupted_at(12)):
            assert go_on(kind).run() is None
            steps.append(load(path / "state.pth")["progress"]["step"])
        with pytest.raises(KeyboardInterrupt):
            go_on(Killed).run()
        last = go_on()
        steps.append(last.progress.step)
        return path, steps, last.run(), last

    def test_nothing_is_trained_twice(self, continued):
        assert continued[1] == [5, 12, 15]

    def test_same_weights_as_uninterrupted(self, whole_run, continued):
        (_, expected, whole), (_, _, results, resumed) = whole_run, continued
        assert_equal_tensors(resumed.network.state_dict(), whole.network.state_dict())
        assert_equal_tensors(resumed.ema.model.state_dict(), whole.ema.model.state_dict())
        assert results["per_class"] == expected["per_class"], "the evaluation is made up for"

    def test_same_records_as_uninterrupted(self, whole_run, continued):
        (path, _, whole), (own_path, _, _, resumed) = whole_run, continued
        assert [row["epoch"] for row in resumed.progress.history] == [1, 2, 3]
        for mine, other in zip(resumed.progress.history, whole.progress.history, strict=True):
            for key in ("epoch", "step", "lr", "loss", "iou", "objectness", "class", "l1"):
                assert mine[key] == other[key]
        assert load(own_path / "best.pth")["epoch"] == load(path / "best.pth")["epoch"]

    def test_adamw_and_the_share_of_the_start(self, tmp_path, tiny_recipe, few_splits):
        """Both bit by bit as without a stop; the share is in what is evaluated and kept."""
        settings = {"optimizer": "adamw", "lr": 0.004, "start_share": 0.5}
        recipe = override(tiny_recipe, settings)
        whole = start(tmp_path / "whole", recipe, few_splits, kind=interrupted_at(3), trackers=())
        before = {name: t.clone() for name, t in whole.network.state_dict().items()}
        assert whole.run() is None
        path = tmp_path / "run"
        stopped = start(path, recipe, few_splits, kind=interrupted_at(1), trackers=())
        assert stopped.run() is None
        saved = load(path / "state.pth")["optimizer"]["state"]
        assert all({"step", "exp_avg", "exp_avg_sq"} <= entry.keys() for entry in saved.values())
        resumed = start(path, recipe, few_splits, kind=UntilThree, resume=True, trackers=())
        resumed.run()
        assert_equal_tensors(resumed.network.state_dict(), whole.network.state_dict())
        assert_equal_tensors(resumed.ema.model.state_dict(), whole.ema.model.state_dict())
        kept = load(path / "last.pth")["model"]
        for name, average in resumed.average_after_an_epoch.items():
            if average.is_floating_point():
                torch.testing.assert_close(kept[name], (before[name] + average) / 2)
                if name.endswith("conv.weight"):
                    assert not torch.equal(before[name], average), "or this test could not fail"

    def test_killed_before_the_first_save_of_an_epoch(self, one_epoch, tmp_path, tiny_splits):
        """The evaluation of the start is kept: the run can go on, and begins with its scores."""

        class Broken(Training):
            def _train_step(self, batch):
                raise RuntimeError

        recipe, whole = one_epoch
        with pytest.raises(RuntimeError):
            start(tmp_path / "run", recipe, tiny_splits, kind=Broken, trackers=()).run()
        resumed = start(tmp_path / "run", recipe, tiny_splits, resume=True, trackers=())
        assert [row["epoch"] for row in resumed.progress.history] == [0]
        resumed.run()
        assert [row["epoch"] for row in resumed.progress.history] == [0, 1]
        assert resumed.progress.history[0] == whole.progress.history[0]
        assert_equal_tensors(resumed.network.state_dict(), whole.network.state_dict())

    def test_finished_run_stays_as_it_is(self, whole_run, tiny_recipe, tiny_splits):
        path, expected, _ = whole_run
        before = (path / "last.pth").read_bytes()
        again = start(path, tiny_recipe, tiny_splits, resume=True, attention=ela_s).run()
        assert again == json.loads(json.dumps(expected))
        assert (path / "last.pth").read_bytes() == before

    def test_new_run_does_not_overwrite(self, whole_run):
        with pytest.raises(UserError, match="already holds a run: add --resume"):
            RunFolder(whole_run[0]).check(resume=False)

    def test_state_of_another_version(self, whole_run, tmp_path, tiny_recipe, tiny_splits):
        """Fields that it lacks had their defaults; a foreign optimizer is told in one line."""
        content = load(whole_run[0] / "state.pth")
        del content["recipe"]["attention_start"]
        torch.save(content, tmp_path / "state.pth")
        training = start(tmp_path, tiny_recipe, tiny_splits, resume=True, attention=ela_s)
        assert training.progress.step == 15
        content["optimizer"]["param_groups"].pop()
        torch.save(content, tmp_path / "state.pth")
        with pytest.raises(UserError, match="groups of parameters, and this version has"):
            training.resume()

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
    """A weight becomes NaN in the optimizer's step `at`, after that step's loss was computed."""

    def _train_step(self, batch):
        row = super()._train_step(batch)
        if self.progress.step == self.at:
            with torch.no_grad():
                self.network.head.obj_preds[0].bias.fill_(float("nan"))
        return row


class TestNonFinite:
    @pytest.mark.parametrize("step", [3, 4])
    def test_good_state_survives(self, tmp_path, tiny_recipe, few_splits, step):
        """Step 3 shows in the next loss; step 4 ends an epoch, so only the weights tell."""
        path = tmp_path / "run"
        poisoned = type("PoisonedAt", (Poisoned,), {"at": step})
        with pytest.raises(UserError, match=r"not finite at step .*last good state.*Lower lr"):
            start(path, tiny_recipe, few_splits, kind=poisoned, trackers=()).run()
        state = load(path / "state.pth")
        assert state["progress"]["step"] == 2
        for weights in (state["model"], state["ema"], load(path / "last.pth")["model"]):
            assert all(t.isfinite().all() for t in weights.values())
        dump = load(path / "nonfinite_rank0.pth")
        assert len(dump["last_batch_ids"]) == 4
        assert dump["last_batch_images"].shape == (4, 3, 64, 64)

    def test_exploding_rate(self, tmp_path, tiny_recipe, tiny_splits):
        recipe = override(tiny_recipe, {"lr": 1e18, "warmup_fraction": 0.0})
        with pytest.raises(UserError, match="not finite"):
            start(tmp_path / "run", recipe, tiny_splits, trackers=()).run()
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
    settings = {"grad_clip": 1e-3, "lr": 1.0, "weight_decay": 0.0, "momentum": 0.0}
    recipe = override(tiny_recipe, {**settings, "warmup_fraction": 0.0})
    training = start(tmp_path / "run", recipe, tiny_splits, kind=interrupted_at(3), trackers=())
    before = [p.detach().clone() for p in training.network.parameters()]
    training.run()
    moved = [(a - b).norm() for a, b in zip(training.network.parameters(), before, strict=True)]
    # Three steps of at most lr * clip; the rate is at most 0.25 for a batch of 4.
    assert 0 < torch.stack(moved).norm() <= 3 * 0.25 * 1e-3 * 1.001


def test_a_run_that_renders_on_the_device(one_epoch, tmp_path, tiny_splits):
    """On the CPU here, with the same samples; and its folder says where the time went."""
    recipe, plain = one_epoch
    training = start(tmp_path / "run", recipe, tiny_splits, trackers=())
    bank = memory_bank(tiny_splits[0], recipe.image_size)
    training.task.feed = DeviceFeed(tiny_splits[0], recipe, training.device, bank)
    assert training.run() is not None
    mine, other = training.progress.history[-1], plain.progress.history[-1]
    assert mine["epoch"] == other["epoch"] == 1
    assert mine["loss"] == pytest.approx(other["loss"], rel=0.1)
    assert mine["memory_gib"] > 0
    times = json.loads((tmp_path / "run" / "timing.json").read_text())
    assert times == summarise_timing(training.progress.history)
    assert 0 < times["train_seconds"] < times["seconds"]
    assert 0 <= times["data_wait_share"] < 1
