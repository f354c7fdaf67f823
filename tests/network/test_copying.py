"""A copy of a network has everything of the network, and shares nothing with it."""

import copy

import torch

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
