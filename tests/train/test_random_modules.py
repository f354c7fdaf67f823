"""Modules that use random numbers: nothing but the seed, the step and the process decides them."""

import random
import signal

import numpy as np
import pytest
import torch
from shallow import shallow_yolox
from torch import nn

from yolox_ela.overrides import override
from yolox_ela.system.randomness import isolated_generators
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder

pytestmark = pytest.mark.slow

STEPS = 4


class ThreeGenerators(nn.Dropout2d):
    """Attention that takes its numbers from torch, numpy and Python, and in evaluation too."""

    def __init__(self, channels):
        super().__init__(0.2)

    def forward(self, x):
        factor = random.uniform(0.9, 1.1) * np.random.uniform(0.9, 1.1)  # noqa: NPY002
        return super().forward(x) * factor


class Stopped(Training):
    """Gets SIGTERM during step `at` (from 1)."""

    at = 0

    def _train_step(self, batch):
        if self.progress.step + 1 == self.at:
            signal.raise_signal(signal.SIGTERM)
        return super()._train_step(batch)


@pytest.fixture(scope="module")
def train(tiny_recipe, few_splits):
    """Train in a folder; the weights, their average, and the last evaluation's APs."""
    recipe = override(tiny_recipe, {"epochs": 2, "final_fraction": 0.5, "eval_interval": 2})

    def train(path, *, resume=False, at=0, **settings):
        folder = RunFolder(path)
        folder.path.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        network = shallow_yolox(20, ThreeGenerators)
        changed = override(recipe, settings)
        accelerator = build_accelerator("cpu", "fp32")
        task = Detection(changed, *few_splits, accelerator)
        training = Stopped(changed, network, task, folder, accelerator, trackers=())
        training.at = at
        if resume:
            training.resume()
        results = training.run()
        assert (results is None) == (0 < at < STEPS)
        states = {
            f"{part}.{name}": tensor.clone()
            for part, module in (("network", training.network), ("ema", training.ema.model))
            for name, tensor in module.state_dict().items()
        }
        return states, results

    return train


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    return train(tmp_path_factory.mktemp("whole") / "run")


def assert_same(a, b):
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different, f"{len(different)} of {len(a)}, first {different[0]}"


def test_stopped_and_resumed(train, whole, tmp_path):
    """In the middle of an epoch, at its end, and in the middle of the last one."""
    for step in (1, 2, 3):
        train(tmp_path / "run", at=step, resume=step > 1)
    states, results = train(tmp_path / "run", resume=True)
    assert_same(states, whole[0])
    assert results["per_class"] == whole[1]["per_class"]


def test_nothing_else_changes_a_weight(train, whole, tmp_path):
    """Neither evaluations, nor loader processes, nor numbers that were drawn before."""
    torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
    settings = {"evaluate_start": "always", "eval_interval": 1, "evaluate_raw": True, "workers": 2}
    assert_same(train(tmp_path / "run", **settings)[0], whole[0])


def test_another_seed_is_another_run(train, whole, tmp_path):
    states, _ = train(tmp_path / "run", seed=1, at=1)
    assert any(not torch.equal(states[name], whole[0][name]) for name in states)


def test_as_many_threads_as_before(train, tmp_path, screen):
    """Sums over another number of threads are rounded differently."""
    before = torch.get_num_threads()
    try:
        whole, _ = train(tmp_path / "whole", at=3)
        train(tmp_path / "run", at=1)
        torch.set_num_threads(before + 1)
        states, _ = train(tmp_path / "run", resume=True, at=3)
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)
    assert f"number of threads: {before}, as the run had before" in "".join(screen)
    assert_same(states, whole)


def test_generators_go_on_where_they_were():
    def numbers():
        return torch.rand(1).item(), float(np.random.rand()), random.random()  # noqa: NPY002

    def after(body):
        torch.manual_seed(1), np.random.seed(1), random.seed(1)  # noqa: NPY002
        body()
        return numbers()

    inside = []

    def isolated():
        for _ in range(2):
            with isolated_generators(3, 7):
                inside.append(numbers())
        with isolated_generators(7, 3):
            inside.append(numbers())

    assert after(isolated) == after(lambda: None)
    assert inside[0] == inside[1] != inside[2]
