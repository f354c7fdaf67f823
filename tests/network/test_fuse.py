"""Folding BatchNorm changes the time, not the answer."""

import copy
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from torch import nn

from yolox_ela.attention.exported import ExportedELA
from yolox_ela.attention.exported_fixed import FixedSizeELA
from yolox_ela.experiment import load_experiment
from yolox_ela.network.fuse import exportable, fuse, fuse_batchnorm

EXPERIMENTS = Path(__file__).resolve().parents[2] / "exps"


@cache
def trained(name):
    """The network of an experiment with statistics and weights as after some training.

    One for all tests, which leave it as it is.
    """
    model = load_experiment(EXPERIMENTS / f"{name}.py").build_model()
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            size = module.num_features
            module.running_mean.copy_(torch.randn(size, generator=generator) * 0.1)
            module.running_var.copy_(torch.rand(size, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(size, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(size, generator=generator) * 0.1)
    return model.eval()


@cache
def maps_of(name, shape):
    """The images, and the maps that the head is given with attention and without it."""
    images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1)).float()
    plain = fuse_batchnorm(trained(name)).to(memory_format=torch.channels_last).backbone
    with torch.inference_mode():
        expected = plain(images)
        plain.site_keys.clear()
        return images, expected, plain(images)


def test_only_fixed_statistics_are_folded_and_a_shared_convolution_twice():
    conv, norms = nn.Conv2d(3, 3, 1), [nn.BatchNorm2d(3), nn.BatchNorm2d(3)]
    norms[1].bias.data += 1
    unfixed = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False))
    network = nn.Sequential(*[nn.Sequential(conv, norm) for norm in norms], unfixed).eval()
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(fuse_batchnorm(network)(images), network(images))
    folded = [isinstance(part[1], nn.Identity) for part in fuse_batchnorm(network)]
    assert folded == [True, True, False]


@pytest.mark.parametrize("name", ["nano", "nano_ela_s", "nano_ca_r16", "nano_ca_gn_r16"])
def test_same_predictions_without_batchnorm(name):
    model = trained(name)
    fused = fuse_batchnorm(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    assert not fused.training
    images = torch.randint(0, 256, (2, 3, 64, 96), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(
            fused(images.float()), model(images.float()), atol=1e-3, rtol=1e-3
        )


@pytest.mark.parametrize("name", ["nano_ela_s", "nano_ela_t"])
@pytest.mark.parametrize(
    ("fused", "square_only"),
    [
        (fuse, False),
        (partial(exportable, form=partial(ExportedELA, square=True)), True),
        (partial(exportable, form=partial(ExportedELA, square=False)), False),
        (partial(exportable, form=partial(FixedSizeELA, expanded=True)), False),
        (partial(exportable, form=partial(FixedSizeELA, expanded=False)), False),
    ],
    ids=["fuse", "square", "any shape", "expanded", "strips"],
)
def test_attention_for_prediction_and_export(name, fused, square_only):
    """The maps that the head is given, where attention changes a tenth and more."""
    fast = fused(trained(name)).to(memory_format=torch.channels_last).backbone
    for shape in [(1, 3, 64, 64), (2, 3, 96, 96), (2, 3, 64, 96)]:
        if shape[2] != shape[3] and square_only:
            continue
        images, *maps = maps_of(name, shape)
        with torch.inference_mode():
            maps.append(fast(images))
        for expected, other, found in zip(*maps, strict=True):
            scale = expected.std()
            torch.testing.assert_close(found / scale, expected / scale, atol=1e-5, rtol=1e-5)
            assert (other - expected).abs().max() > 0.1 * scale


def test_the_network_itself_is_left_as_it_was():
    model = copy.deepcopy(trained("nano_ela_s")).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fuse_batchnorm(model), fuse(model), exportable(model, partial(FixedSizeELA, expanded=True))
    assert model.training
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_real_weights_keep_their_detections(zero_shot):
    """COCO's weights, whose BatchNorm variances span many orders."""
    images = torch.randint(0, 256, (1, 3, 320, 320), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain, fused = zero_shot(images.float()), fuse_batchnorm(zero_shot)(images.float())
    torch.testing.assert_close(fused[..., 4:], plain[..., 4:], atol=1e-4, rtol=0)
    torch.testing.assert_close(fused[..., :4], plain[..., :4], atol=0.05, rtol=1e-3)
