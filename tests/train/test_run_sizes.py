"""Runs with inputs of any size: rectangles train and resume, squares are what they were."""

import os
import signal

import pytest
import torch

from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder

pytestmark = pytest.mark.slow


class StoppedAt3(Training):
    """Receives SIGTERM while its third step is being computed."""

    def _train_step(self, batch):
        if self.progress.step + 1 == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return super()._train_step(batch)


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_recipe, tiny_splits):
    """Two epochs with inputs of a size, from the same weights each time, and the shapes seen."""
    parent = tmp_path_factory.mktemp("runs")

    def train(size, name, *, kind=Training, resume=False):
        recipe = override(tiny_recipe, {"image_size": size, "epochs": 2})
        folder = RunFolder(parent / name)
        folder.path.mkdir(exist_ok=True)
        torch.manual_seed(0)
        model, shapes = build_yolox(len(recipe.classes)), []
        model.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape[2:])))
        training = kind(recipe, model, *tiny_splits, folder, build_accelerator("cpu", "fp32"))
        if resume:
            training.resume()
        return training, training.run(), shapes

    return train


def assert_same_run(one, other):
    (first, results, _), (second, expected, _) = one, other
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name
    for name, tensor in first.ema.model.state_dict().items():
        assert torch.equal(tensor, second.ema.model.state_dict()[name]), name
    assert results["per_class"] == expected["per_class"]
    assert results["settings"] == expected["settings"]
    for mine, its in zip(first.progress.history, second.progress.history, strict=True):
        assert mine["loss"] == its["loss"]


def test_a_square_by_its_side_or_by_height_and_width(run):
    by_side, by_both = run("64", "side"), run("64,64", "both")
    assert_same_run(by_side, by_both)
    assert by_side[2] == by_both[2]


def test_a_rectangle_trains_and_resumes_bit_by_bit(run):
    whole = run("64,128", "whole")
    training, results, shapes = whole
    assert results["settings"]["image_size"] == [64, 128]
    assert len(training.progress.history) == 2
    assert set(shapes) <= {(32, 64), (64, 128), (96, 192)}
    assert len(set(shapes)) > 1
    assert run("64,128", "stopped", kind=StoppedAt3)[1] is None
    assert_same_run(run("64,128", "stopped", resume=True), whole)
