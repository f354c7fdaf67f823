"""Each task on the loop of training: two epochs, files, and resumption bit by bit."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from tiny_tasks import every_kind, experiment

from yolox_ela.attention import ela_s
from yolox_ela.errors import UserError
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder


def begin(path, exp, data, *, kind=Training, resume=False):
    path.mkdir(exist_ok=True)
    accelerator = build_accelerator("cpu", exp.precision)
    train, test = exp.load(data)
    exp = replace(exp, classes=train.classes)
    task = exp.task_of(exp, train, test, accelerator)
    training = kind(exp, exp.build_model(), task, RunFolder(path), accelerator, trackers=())
    if resume:
        training.resume()
    return training


class Interrupted(Training):
    """Is asked to stop while its third step is computed, in the middle of an epoch."""

    at = 3

    def _train_step(self, batch):
        if self.progress.step + 1 == self.at:
            os.kill(os.getpid(), signal.SIGTERM)
        return super()._train_step(batch)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@every_kind
def test_two_epochs_and_the_same_when_resumed(kind, data_of, tmp_path):
    """Dropout, random crops, average, momentum and sums of losses go on where they were."""
    exp, data = experiment(kind), data_of[kind]
    whole = begin(tmp_path / "whole", exp, data)
    results = whole.run()
    stopped = begin(tmp_path / "run", exp, data, kind=Interrupted)
    assert stopped.run() is None
    resumed = begin(tmp_path / "run", exp, data, resume=True)
    again = resumed.run()
    assert same(whole.network.state_dict(), resumed.network.state_dict())
    assert same(whole.ema.model.state_dict(), resumed.ema.model.state_dict())
    headline = whole.task.columns.headline
    assert results[headline] == again[headline]
    for mine, other in zip(whole.progress.history, resumed.progress.history, strict=True):
        for name in (*whole.task.columns.losses, "lr", "epoch", "step"):
            assert mine[name] == other[name]
    assert same(
        torch.load(tmp_path / "whole" / "last.pth", weights_only=True)["model"],
        whole.ema.model.state_dict(),
    )
    assert json.loads((tmp_path / "run" / "results.json").read_text())[headline] == again[headline]
    assert (tmp_path / "run" / "curves.png").read_bytes()[:4] == b"\x89PNG"


@every_kind
def test_a_state_belongs_to_its_settings_and_data(kind, data_of, tmp_path):
    exp, data = experiment(kind), data_of[kind]
    begin(tmp_path, exp, data).save_state()
    begin(tmp_path, exp, data, resume=True)
    state = torch.load(tmp_path / "state.pth", weights_only=True)
    del state["recipe"]["quick"]  # as by a version that did not know this setting
    torch.save(state, tmp_path / "state.pth")
    begin(tmp_path, exp, data, resume=True)
    with pytest.raises(UserError, match=r"other settings \(lr was 0.05, is 0.1\)"):
        begin(tmp_path, replace(exp, lr=0.1), data, resume=True)
    with pytest.raises(UserError, match=r"'model.attention.*gate_h.* must be float32 of shape"):
        begin(tmp_path, replace(exp, attention=ela_s), data, resume=True)
    begun = begin(tmp_path, exp, data)
    begun.task.train_samples = exp.first(begun.task.train_samples, 2)
    begun.saver.data = (begun.task.train_samples, begun.task.test_samples)
    with pytest.raises(UserError, match="begun with other images"):
        begun.resume()


@every_kind
def test_every_parameter_is_trained_and_mixed_precision_computes(kind, data_of, tmp_path):
    exp = experiment(kind, precision="bf16", epochs=1)
    training = begin(tmp_path, exp, data_of[kind])
    before = {name: p.detach().clone() for name, p in training.network.named_parameters()}
    assert training.run() is not None
    for name, parameter in training.network.named_parameters():
        assert not torch.equal(before[name], parameter), name
        assert parameter.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "score", "settings"),
    [
        ("segmentation", "miou", {"epochs": 10, "lr": 0.1}),
        (
            "yolof",
            "ap50",
            {"epochs": 28, "lr": 0.03, "grad_clip": 4.0, "shift": 0, "overfit": 6},
        ),
    ],
)
def test_it_learns(kind, score, settings, data_of, tmp_path):
    """Masks and boxes reach the loss where they belong: a network that starts at random finds them.

    YOLOF on the images that it has seen, segmentation on others.
    """
    settings = {"batch_size": 2, "ema_decay": 0.0, "schedule": "cosine", "flip_prob": 0, **settings}
    exp = experiment(kind, eval_interval=100, **settings)
    training = begin(tmp_path, exp, data_of[kind])
    for module in training.network.modules():
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.0
    assert training.run()[score] > 0.7


@every_kind
def test_overfit_trains_on_what_it_evaluates(kind, data_of, tmp_path):
    """To the pixel; a network that knows images by heart does not know them padded otherwise."""
    plain = experiment(kind)
    exp = replace(plain, **{**plain.overfit_settings, "overfit": 3})
    task = begin(tmp_path, exp, data_of[kind]).task
    samples = task.augmented(exp.first(task.train_samples, 3))
    for index in range(3):
        image, target = samples(index, training=True)
        shown, truth = samples(index, training=False)
        assert torch.equal(image, shown)
        if isinstance(target, dict):
            assert all(torch.equal(target[name], truth[name]) for name in target)
        else:
            assert torch.equal(torch.as_tensor(target), torch.as_tensor(truth))


def test_schedules(data_of, tmp_path):
    rates = {}
    for schedule in ("steps", "cosine", "poly"):
        exp = experiment("classification", schedule=schedule, epochs=10, lr=1.0)
        task = begin(tmp_path, exp, data_of["classification"]).task
        assert task.total_steps == 40
        rates[schedule] = [task.learning_rate(step) for step in (0, 12, 13, 20, 26, 27, 39)]
    assert rates["steps"] == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert rates["cosine"][3] == pytest.approx(0.5)
    assert rates["poly"][3] == pytest.approx(0.5**0.9)
    exp = experiment("classification", epochs=10, lr=1.0, warmup_steps=4)
    task = begin(tmp_path, exp, data_of["classification"]).task
    assert [task.learning_rate(step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
