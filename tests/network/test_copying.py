"""A copy of a network has everything of the network, and shares nothing with it."""

import copy

import pytest
import torch
from torch import nn

from yolox_ela.attention import ela_s
from yolox_ela.network.copying import copy_network
from yolox_ela.network.model import build_yolox


def containers(network):
    kinds = (dict, set, list)
    return [v for m in network.modules() for v in vars(m).values() if isinstance(v, kinds)]


def test_nothing_is_shared():
    network = build_yolox(3, ela_s, share_sites=True)
    calls = []
    network.head.register_forward_hook(lambda *_: calls.append("hook"))
    copied, expected = copy_network(network), copy.deepcopy(network)
    for name, tensor in expected.state_dict(keep_vars=True).items():
        mine = copied.state_dict(keep_vars=True)[name]
        assert torch.equal(mine, tensor), name
        assert mine.requires_grad == tensor.requires_grad, name
    assert {p.data_ptr() for p in copied.parameters()}.isdisjoint(
        p.data_ptr() for p in network.parameters()
    )
    assert len(list(copied.parameters())) == len(list(network.parameters())), "shared sites"
    assert {id(c) for c in containers(copied)}.isdisjoint(map(id, containers(network)))
    assert [type(c) for c in containers(copied)] == [type(c) for c in containers(expected)]
    images = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        assert torch.equal(copied.eval()(images), network.eval()(images))
    assert calls == ["hook"] * 2, "a hook that the network has, its copy has, too"
    copied.register_forward_pre_hook(lambda *_: None)
    assert not network._forward_pre_hooks


class Counted(nn.Linear):
    """A module that says itself how it is copied."""

    def __deepcopy__(self, copies):
        copied = Counted(self.in_features, self.out_features)
        copied.copied = True
        return copied


class Unpickled(nn.Linear):
    """A module that does something more when it is copied."""

    def __setstate__(self, state):
        super().__setstate__(state)
        self.copied = True


class Described(nn.Linear):
    """A module that its own `__reduce__` describes."""

    def __reduce__(self):
        return Counted, (self.in_features, self.out_features)


class Outer(nn.Module):
    """A module that uses another one while it is copied."""

    def __init__(self, *sides):
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def __setstate__(self, state):
        super().__setstate__(state)
        self.total = self.inner.weight.sum()


@pytest.mark.parametrize("kind", [Counted, Unpickled, Described, Outer])
def test_a_way_of_its_own_to_be_copied_is_used(kind):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), kind(2, 2))
    copied, expected = copy_network(network)[1], copy.deepcopy(network)[1]
    assert type(copied) is type(expected)
    assert vars(copied).keys() == vars(expected).keys()


class Related(nn.Module):
    """A module that knows another one, a tensor and itself in ways that register nothing."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.second.weight = self.first.weight
        self.known = [self.first, self, {"weight": self.first.weight}]
        whole = torch.arange(6.0)
        self.register_buffer("whole", whole)
        self.register_buffer("part", whole[2:4])
        self.register_buffer("nothing", torch.empty(0))
        self.register_buffer("unsaved", torch.ones(2).expand(3, 2), persistent=False)
        self.constant = torch.ones(1, requires_grad=True)


def test_what_belongs_together_still_does():
    network = Related()
    copied = copy_network(network)
    assert copied.second.weight is copied.first.weight
    first, itself, named = copied.known
    assert first is copied.first
    assert itself is copied
    assert named["weight"] is copied.first.weight
    copied.whole[2] = 7
    assert copied.part.tolist() == [7, 3], "one is a part of the other"
    assert network.part.tolist() == [2, 3]
    assert copied.unsaved.stride() == network.unsaved.stride() == (0, 1)
    assert copied.state_dict().keys() == network.state_dict().keys()
    assert copied.constant.requires_grad
    assert copied.constant is not network.constant


def test_a_copy_of_a_compiled_network_is_not_compiled():
    network = nn.Sequential(nn.Linear(2, 2))
    network.compile(backend="eager")
    copied = copy_network(network)
    assert vars(copied).keys() == vars(copy.deepcopy(network)).keys()
    assert torch.equal(copied(torch.ones(1, 2)), network(torch.ones(1, 2)))
