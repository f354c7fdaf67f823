"""Numbers that are not finite: dumped before the weights change, and found again by a replay."""

import pytest
import torch
from torch import nn

from yolox_ela.attention import ela_s
from yolox_ela.errors import UserError
from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.replay import main, replay
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.step import TrainStep

pytestmark = pytest.mark.slow


class InfiniteGradient(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * float("inf")


def infinite_gradient(module, inputs, output):
    return InfiniteGradient.apply(output)


def fail(network, kind):
    """Spoil the network in one layer."""
    if kind == "weight":
        with torch.no_grad():
            network.backbone.C3_p4.conv1.conv.weight[0, 0] = float("nan")
    if kind == "gradient":
        network.backbone.C3_p4.conv1.register_forward_hook(infinite_gradient)


def failed(folder, recipe, splits, kind, monkeypatch):
    """A run that fails at its second step; its message, and its weights as they were before."""
    folder.mkdir()
    torch.manual_seed(0)
    network = build_yolox(20, ela_s)
    accelerator = build_accelerator("cpu", recipe.precision)
    task = Detection(recipe, *splits, accelerator)
    training = Training(recipe, network, task, RunFolder(folder), accelerator, trackers=())
    take, before = training.steps.take, {}

    def spoiled(batch):
        if training.progress.step == 1:
            fail(network, kind)
            before.update({name: p.detach().clone() for name, p in network.named_parameters()})
        return take(batch)

    monkeypatch.setattr(training.steps, "take", spoiled)
    with pytest.raises(UserError) as error:
        training.run()
    return str(error.value), before


def test_the_layer_is_named(tmp_path, tiny_recipe, few_splits, monkeypatch, capsys):
    """By the command in the message; the weights are those that the step has found."""
    recipe = override(tiny_recipe, {"name": "nano_ela_s", "attention": ela_s})
    message, before = failed(tmp_path / "run", recipe, few_splits, "weight", monkeypatch)
    assert "the loss is not finite at step 2" in message
    path = tmp_path / "run" / "nonfinite_rank0.pth"
    assert f"`python -m yolox_ela.train.replay {path}`" in message
    dump = torch.load(path, weights_only=True)
    for name, tensor in before.items():
        torch.testing.assert_close(dump["model"][name], tensor, rtol=0, atol=0, equal_nan=True)
    monkeypatch.setattr("sys.argv", ["replay", str(path), "-f", "nano_ela_s", "--device", "cpu"])
    assert main() == 0
    found = capsys.readouterr().out
    assert "step 2 on cpu: before it, backbone.C3_p4.conv1.conv.weight was not finite" in found
    assert "first layer whose output is not finite is backbone.C3_p4.conv1.conv (Conv2d)" in found


def test_a_gradient_spoils_no_weight(tmp_path, tiny_recipe, few_splits, monkeypatch):
    """And neither does bf16, whose range is that of fp32."""
    recipe = override(tiny_recipe, {"name": "nano_ela_s", "attention": ela_s})
    recipe = override(recipe, {"precision": "bf16"})
    message, _ = failed(tmp_path / "run", recipe, few_splits, "gradient", monkeypatch)
    assert "the gradient is not finite at step 2" in message
    path = tmp_path / "run" / "nonfinite_rank0.pth"
    dump = torch.load(path, weights_only=True)
    assert all(t.isfinite().all() for t in dump["model"].values())
    # The spoiled layer is not part of the weights, so that nothing is found without it.
    assert "gradients are finite here, in bf16" in replay(
        path, experiment="nano_ela_s", device="cpu"
    )
    build = type(recipe).build_model

    def spoiled(exp):
        network = build(exp)
        fail(network, "gradient")
        return network

    monkeypatch.setattr("yolox_ela.experiment.Experiment.build_model", spoiled)
    found = replay(path, experiment="nano_ela_s", device="cpu")
    assert (
        "outputs and losses are finite; the first gradient that is not finite is the one" in found
    )
    assert "C3_p4.conv1" in found


def test_other_files_are_no_dumps(tmp_path):
    network = build_yolox(20)
    torch.save({"model": network.state_dict()}, tmp_path / "last.pth")
    with pytest.raises(UserError, match=r"'step' is missing, .* give the nonfinite_rankN"):
        replay(tmp_path / "last.pth", device="cpu")


def test_overflows_of_fp16_are_skipped_and_counted():
    """With the scaler that accelerate uses on CUDA, here on the CPU, from a scale that is too
    large: it is halved until the gradients fit.
    """
    torch.manual_seed(0)
    network = nn.Module.train(build_yolox(20))
    accelerator = build_accelerator("cpu", "fp32")
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    step = TrainStep(network, Recipe(precision="fp16"), accelerator)
    images, targets = torch.rand(2, 3, 64, 64) * 255, torch.zeros(2, 1, 5)
    targets[:, 0] = torch.tensor([1.0, 20, 20, 12, 14])
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    skipped = []
    while not step.updated:
        assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())
        step(images, targets, 0.01, use_l1=False)
        skipped.append(step.skipped)
    assert skipped[-1] == len(skipped) - 1 > 0
    assert not torch.equal(network.head.obj_preds[0].bias, before["head.obj_preds.0.bias"])
