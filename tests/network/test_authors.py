"""The authors' released weights: nothing lost on import, the same function on BGR 0-255."""

import pytest
import torch

from yolox_ela.attention import ela_t
from yolox_ela.errors import UserError
from yolox_ela.network.authors import import_authors
from yolox_ela.network.model import build_yolox
from yolox_ela.network.normalisation import IMAGENET_MEAN, IMAGENET_STD
from yolox_ela.network.weights import load_trained, read_weights
from yolox_ela.sizes import site_channels

SITES = site_channels("nano")


@pytest.fixture(scope="module")
def path(shared):
    return shared / "reference" / "ela_authors_voc.pth"


@pytest.fixture(scope="module")
def original(path):
    return torch.load(path, map_location="cpu", weights_only=True)


def network():
    return build_yolox(20, ela_t, share_sites=True).eval()


def test_every_tensor_has_its_place(path, original):
    model = network()
    load_trained(model, read_weights(path), path)  # which refuses missing and left-over tensors
    unused = [n for n in original if n.startswith(("backbone.feat5.", "backbone.feat10."))]
    assert len(model.state_dict()) == len(original) - len(unused)
    for name, key in (("feat06", "width64"), ("feat1", "width128"), ("feat2", "width256")):
        loaded = model.backbone.attention[key].gate_h[0].weight
        assert torch.equal(loaded, original[f"backbone.{name}.conv.weight"])


def test_same_function_on_raw_pixels(path, original):
    """The folded stem on BGR 0-255 against the original one on normalised RGB."""
    raw, folded = network(), network()
    stem = {n: t for n, t in original.items() if n.startswith("backbone.backbone.stem")}
    raw.load_state_dict(stem, strict=False)
    load_trained(folded, read_weights(path), path)
    rgb = torch.randint(0, 256, (1, 3, 64, 96)).float()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        expected = raw.backbone.backbone.stem((rgb / 255 - mean) / std)
        found = folded.backbone.backbone.stem(rgb.flip(1))
    inner = (..., slice(1, -1), slice(1, -1))  # padding differs at the border
    assert torch.allclose(found[inner], expected[inner], atol=1e-4)
    assert not torch.allclose(found, expected, atol=1e-4)


def test_unknown_attention_is_refused():
    state = {
        "backbone.feat06.conv.weight": torch.zeros(64, 1, 5),
        "backbone.feat07.conv.weight": torch.zeros(1),
    }
    with pytest.raises(UserError, match="feat07"):
        import_authors(state)


def test_shared_sites_are_one_module_a_width():
    separate, shared = build_yolox(20, ela_t), build_yolox(20, ela_t, share_sites=True)
    assert len(separate.backbone.attention) == len(SITES) == 7
    assert sorted(shared.backbone.attention) == ["width128", "width256", "width64"]
    calls = []
    for name, module in shared.backbone.attention.items():
        module.register_forward_hook(lambda *_, name=name: calls.append(name))
    shared.eval()(torch.zeros(1, 3, 64, 64))
    assert sorted(calls) == ["width128"] * 3 + ["width256"] * 3 + ["width64"]


def test_a_shared_module_learns_from_all_its_sites():
    model = build_yolox(20, ela_t, share_sites=True).train()
    targets = torch.tensor([[[3.0, 40, 40, 30, 30]]])
    model(torch.rand(1, 3, 96, 96) * 255, targets)["total_loss"].backward()
    assert all(p.grad is not None for p in model.backbone.attention.parameters())
