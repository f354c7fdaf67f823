"""Frozen modules stay as they start, in the network, its average and the optimizer."""

import pytest
import torch
from torch import nn

from yolox_ela.attention import ela_s
from yolox_ela.experiment import Experiment
from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.batch_size import trial_steps
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.step import TrainStep

FROZEN = ("backbone.backbone.stem", "backbone.backbone.dark2", "head.stems")
# A high rate and decay, so that all that is trained moves.
SETTINGS = {"freeze": FROZEN, "weight_decay": 0.1, "warmup_fraction": 0.0, "ema_ramp": 1.0}


def is_frozen(name):
    return name.startswith(tuple(f"{module}." for module in FROZEN))


def take_step(exp):
    step = TrainStep(exp.build_model(), exp, build_accelerator("cpu", "fp32"))
    before = {name: tensor.clone() for name, tensor in step.network.state_dict().items()}
    torch.manual_seed(0)
    images = torch.rand(2, 3, 64, 64) * 255
    targets = torch.tensor([[[1.0, 20, 20, 20, 20]], [[2.0, 40, 30, 30, 30]]])
    step(images, targets, 0.01, use_l1=False)
    return step, before


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weights_statistics_and_average(optimizer):
    step, before = take_step(
        override(Experiment(attention=ela_s, lr=0.01, optimizer=optimizer), SETTINGS)
    )
    for state in (step.network.state_dict(), step.ema.model.state_dict()):
        for name, tensor in state.items():
            assert torch.equal(tensor, before[name]) or not is_frozen(name), name
        moved = {name for name, tensor in state.items() if not torch.equal(tensor, before[name])}
        assert {"backbone.backbone.dark3.0.dconv.bn.running_mean", "head.cls_preds.0.bias"} <= moved
    parameters = dict(step.network.named_parameters())
    optimised = {id(p) for group in step.optimizer.param_groups for p in group["params"]}
    assert {n for n, p in parameters.items() if id(p) not in optimised} == {
        name for name in parameters if is_frozen(name)
    }
    assert all((p.grad is None) == is_frozen(name) for name, p in parameters.items())


def test_frozen_modules_compute_what_they_computed_before():
    """With the statistics that they have, not with those of the batch."""
    step, _ = take_step(override(Experiment(), SETTINGS))
    stem, images = step.network.backbone.backbone.stem, torch.rand(2, 3, 64, 64) * 255
    for module in stem.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(3.0)
    trained = stem(images)
    assert torch.equal(trained, stem.eval()(images))


@pytest.mark.parametrize("frozen", [False, True])
def test_the_trial_of_a_batch_size_freezes_too(frozen):
    """Where nothing is learned, nothing is kept for gradients, so that larger batches fit."""
    network, seen = build_yolox(20), []
    stem = network.backbone.backbone.stem
    stem.register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad))
    recipe = Recipe(image_size=64, freeze=FROZEN if frozen else ())
    trial_steps(recipe, network, 2, torch.device("cpu"))
    assert seen == [not frozen] * 2


@pytest.mark.slow
def test_a_run(tmp_path, tiny_recipe, few_splits, screen):
    """The guards over a run let it pass; what is kept has the frozen modules of the start."""
    settings = {"epochs": 1, "final_fraction": 0.0, "freeze": "backbone.backbone"}
    exp = override(tiny_recipe, settings)
    model = exp.build_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folder = RunFolder(tmp_path)
    accelerator = build_accelerator("cpu", "fp32")
    task = Detection(exp, *few_splits, accelerator)
    run = Training(exp, model, task, folder, accelerator, trackers=())
    assert any("frozen: backbone.backbone; 440,491 parameters" in line for line in screen), screen
    run.choose_threads()
    assert run.run() is not None
    kept = torch.load(folder.last, weights_only=True)
    assert kept["recipe"]["freeze"] == ["backbone.backbone"]
    for name, tensor in kept["model"].items():
        if name.startswith("backbone.backbone."):
            assert torch.equal(tensor, before[name]), name
        elif name.endswith("conv.weight"):
            assert not torch.equal(tensor, before[name]), name
    again = Training(exp, exp.build_model(), task, folder, accelerator, trackers=())
    again.resume()
    reached = again.network.state_dict()
    for name, tensor in run.network.state_dict().items():
        assert torch.equal(reached[name], tensor), name
