"""Runs with inputs of any size: rectangles train and resume, squares are what they were."""

import os
import signal
from itertools import islice

import pytest
import torch
from shallow import shallow_yolox

from yolox_ela.augment.feed import HostFeed
from yolox_ela.augment.multiscale import input_size, network_input
from yolox_ela.overrides import override
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.step import TrainStep

pytestmark = pytest.mark.slow


class StoppedAt1(Training):
    """Receives SIGTERM while its first step is being computed."""

    def _train_step(self, batch):
        if self.progress.step == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return super()._train_step(batch)


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_recipe, few_splits):
    """Two steps with inputs of a size, from the same weights each time, and the shapes seen."""
    parent = tmp_path_factory.mktemp("runs")

    def train(size, name, *, kind=Training, resume=False):
        recipe = override(
            tiny_recipe, {"image_size": size, "epochs": 1, "final_fraction": 0.0, "seed": 1}
        )
        folder = RunFolder(parent / name)
        folder.path.mkdir(exist_ok=True)
        torch.manual_seed(0)
        model, shapes = shallow_yolox(len(recipe.classes)), []
        model.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape[2:])))
        accelerator = build_accelerator("cpu", "fp32")
        task = Detection(recipe, *few_splits, accelerator)
        training = kind(recipe, model, task, folder, accelerator, trackers=())
        if resume:
            training.resume()
        return training, training.run(), shapes

    return train


def assert_same_run(one, other):
    (first, results, _), (second, expected, _) = one, other
    for mine, its in ((first.network, second.network), (first.ema.model, second.ema.model)):
        for (name, tensor), other in zip(
            mine.state_dict().items(), its.state_dict().values(), strict=True
        ):
            assert torch.equal(tensor, other), name
    assert results["per_class"] == expected["per_class"]
    assert results["settings"] == expected["settings"]
    for mine, its in zip(first.progress.history, second.progress.history, strict=True):
        assert mine["loss"] == its["loss"]


def test_a_square_by_its_side_or_by_height_and_width(tiny_recipe, tiny_splits):
    """Two steps give the same samples, losses and weights."""
    found = []
    for size in ("64", "64,64"):
        recipe = override(tiny_recipe, {"image_size": size})
        accelerator = build_accelerator("cpu", "fp32")
        torch.manual_seed(0)
        step = TrainStep(shallow_yolox(len(recipe.classes)), recipe, accelerator)
        feed, tensors = HostFeed(tiny_splits[0], recipe, accelerator.device), []
        for number, batch in enumerate(islice(feed.loader(), 2)):
            samples = feed.samples(batch)
            losses = step(*network_input(*samples, input_size(number, recipe)), 0.01, use_l1=False)
            tensors += [*samples, *map(torch.as_tensor, losses.values())]
        found.append([*tensors, *step.network.state_dict().values()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_rectangle_trains_and_resumes_bit_by_bit(run):
    whole = run("64,128", "whole")
    training, results, shapes = whole
    assert results["settings"]["image_size"] == [64, 128]
    assert training.progress.step == 2
    assert set(shapes) - {(64, 128)} == {(96, 192)}, "the size sampled for the first ten steps"
    assert run("64,128", "stopped", kind=StoppedAt1)[1] is None
    assert_same_run(run("64,128", "stopped", resume=True), whole)
