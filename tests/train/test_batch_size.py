"""`-b auto`: the search, and a trial on the CPU. The choice itself needs a CUDA GPU."""

import copy

import pytest
import torch

from yolox_ela.errors import UserError
from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.train.batch_size import largest_batch, require_cuda, trial_steps


@pytest.mark.parametrize(
    ("memory", "most", "low"),
    [(1, 99, 1), (2, 99, 2), (7, 99, 7), (100, 5000, 89), (1000, 5000, 889), (1000, 24, 24)],
)
def test_the_largest_that_fits(memory, most, low):
    """Exact to an eighth, never more than fits, and never more images than there are."""
    tried = []

    def attempt(size):
        tried.append(size)
        if size > memory:
            raise torch.OutOfMemoryError("CUDA out of memory")

    assert low <= largest_batch(attempt, most) <= min(memory, most)
    assert max(tried) <= most
    assert len(tried) <= 16


def test_nothing_fits():
    def attempt(size):
        raise torch.OutOfMemoryError

    with pytest.raises(UserError, match=r"not even one image fits .* lower --image-size"):
        largest_batch(attempt, 64)


def test_other_errors_are_no_lack_of_memory():
    def attempt(size):
        raise RuntimeError("a kernel is broken")

    with pytest.raises(RuntimeError, match="broken"):
        largest_batch(attempt, 64)


def test_not_on_a_cpu():
    with pytest.raises(UserError, match=r"this runs on cpu: give a number, as in -b 16"):
        require_cuda(torch.device("cpu"))


@pytest.mark.parametrize(
    ("precision", "size", "largest"),
    [("fp32", 64, (96, 96)), ("bf16", 64, (96, 96)), ("fp32", (64, 96), (96, 128))],
)
def test_a_trial_is_the_largest_step(tiny_recipe, precision, size, largest):
    """At the largest input size; the network that is to be trained stays as it is."""
    network = build_yolox(20)
    shapes = []
    network.register_forward_pre_hook(lambda module, inputs: shapes.append(inputs[0].shape))
    before = copy.deepcopy(network.state_dict())
    recipe = override(tiny_recipe, {"precision": precision, "image_size": size})
    trial_steps(recipe, network, 3, torch.device("cpu"))
    assert shapes == [(3, 3, *largest)] * 2, "64 pixels and half as many more"
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert network.training
