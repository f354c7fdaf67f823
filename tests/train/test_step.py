"""One step: nothing waits for the device, and compiling changes nothing but the time."""

import pytest
import torch
from shallow import shallow_yolox

from studies.speed.dispatch import count_dispatches
from yolox_ela.attention import ela_s
from yolox_ela.augment.multiscale import network_input
from yolox_ela.network.model import build_yolox
from yolox_ela.recipe import Recipe
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.progress import StepMonitor
from yolox_ela.train.step import TrainStep, pad_rows

RECIPE = Recipe(lr=0.01, grad_clip=5.0)


def batch(seed=0, side=64):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (2, 3, side, side), generator=generator, dtype=torch.uint8)
    targets = torch.zeros(2, 3, 5)
    targets[0, :2] = torch.tensor([[1.0, 20, 20, 12, 14], [3.0, 40, 30, 30, 20]])
    targets[1, :1] = torch.tensor([5.0, 32, 32, 60, 60])
    return images, targets


def new_step(*, dense=None, compile=False, shallow=False):
    torch.manual_seed(0)
    network = build_yolox(20, ela_s)
    network.head.dense = dense
    if shallow:
        bottlenecks = network.backbone.backbone.dark3[1].m
        network = shallow_yolox(20, ela_s)
        network.backbone.backbone.dark3[1].m = bottlenecks[:1]
        network.head.dense = dense
    return TrainStep(network, RECIPE, build_accelerator("cpu", "fp32"), compile=compile)


def run_step(step, *, side=64, use_l1=True):
    return step(*network_input(*batch(), side), 0.01, use_l1=use_l1)


def assert_same_step(first, second):
    """The same losses, and the same weights after them; later steps amplify any rounding."""
    one, other = run_step(first), run_step(second)
    assert one.keys() == other.keys()
    for name, value in one.items():
        theirs = torch.as_tensor(other[name], dtype=torch.float32)
        torch.testing.assert_close(torch.as_tensor(value), theirs, rtol=1e-4, atol=1e-4)
    weights, others = first.network.state_dict(), second.network.state_dict()
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, others[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("use_l1", [False, True])
def test_nothing_waits_for_the_device(use_l1):
    """From bytes on the device to new weights, their average and remembered losses."""
    monitor = StepMonitor()

    def whole_step(step):
        monitor.add(run_step(step, side=96, use_l1=use_l1))

    dense, loop = new_step(dense=True), new_step(dense=False)
    whole_step(dense)
    assert not count_dispatches(lambda: whole_step(dense)).waits
    assert count_dispatches(lambda: whole_step(loop)).waits, "or this test could not fail"
    assert len(monitor.collect()) == 3


def test_average_and_optimizer_take_few_operators():
    """Not one for each of hundreds of tensors."""
    step = new_step()
    run_step(step)
    updates = count_dispatches(lambda: (step.optimizer.step(), step.ema.update()))
    assert updates.operators.total() < 20


def test_both_losses_take_the_same_step():
    assert_same_step(new_step(dense=True), new_step(dense=False))


def test_compiled_takes_the_same_step_in_one_graph(monkeypatch):
    """Recorded in one piece; what makes machine code of it, and takes minutes, is left out.

    Recording takes a second for ten convolutions, so that all but one of those which repeat others
    are left out, too.
    """
    original = torch.nn.Module.compile

    def record(self, *, dynamic, mode):
        assert not dynamic
        assert mode == "default"
        return original(self, backend="eager", fullgraph=True, dynamic=dynamic)

    monkeypatch.setattr(torch.nn.Module, "compile", record)
    compiled = new_step(compile=True, shallow=True)
    assert_same_step(compiled, new_step(shallow=True))


@pytest.mark.parametrize(("rows", "padded"), [(1, 32), (32, 32), (33, 64), (100, 128)])
def test_shapes_of_compiled_targets_repeat(rows, padded):
    targets = torch.rand(2, rows, 5)
    assert pad_rows(targets).shape == (2, padded, 5)
    assert torch.equal(pad_rows(targets)[:, :rows], targets)
    assert not pad_rows(targets)[:, rows:].any()
