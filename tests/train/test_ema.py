"""The average of the weights and its mixture with the start, against their formulas."""

import math

import pytest
import torch
from torch import nn

from yolox_ela.recipe import Recipe
from yolox_ela.train.ema import ModelEma


def test_follows_the_formula():
    model = nn.BatchNorm1d(1)
    recipe = Recipe(ema_decay=0.9, ema_ramp=3.0)
    ema = ModelEma(model, recipe)
    expected = 1.0  # BatchNorm's initial weight
    for step in range(1, 6):
        with torch.no_grad():
            model.weight.fill_(step)
            model.running_mean.fill_(2 * step)
            model.num_batches_tracked.fill_(step)
        ema.update()
        decay = 0.9 * (1 - math.exp(-step / 3.0))
        expected = decay * expected + (1 - decay) * step
        assert ema.model.weight.item() == pytest.approx(expected)
        assert ema.model.num_batches_tracked.item() == step
    assert ema.model.running_mean.item() == pytest.approx(2 * expected, abs=2)


def test_is_a_separate_network_in_evaluation_mode():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    ema = ModelEma(model, Recipe())
    assert not ema.model.training
    assert not any(p.requires_grad for p in ema.model.parameters())
    before = ema.model[0].weight.clone()
    with torch.no_grad():
        model[0].weight.add_(1)
    assert torch.equal(ema.model[0].weight, before)
    assert model.training


def test_result_is_mixed_with_the_start():
    """Weights and statistics, but not counts; training and average go on without the start."""
    model = nn.BatchNorm1d(1)
    ema = ModelEma(model, Recipe(ema_decay=0.5, ema_ramp=1e-9, start_share=0.25))
    with torch.no_grad():
        model.weight.fill_(3)
        model.running_mean.fill_(8)
        model.num_batches_tracked.fill_(7)
    ema.update()
    assert ema.model.weight.item() == 0.5 * 1 + 0.5 * 3
    result = ema.result()
    assert result.weight.item() == 0.25 * 1 + 0.75 * 2
    assert result.running_mean.item() == 0.75 * 4
    assert result.num_batches_tracked == 7
    assert not result.training
    assert ema.model.weight.item() == 2


def test_result_without_a_share_of_the_start_is_the_average():
    ema = ModelEma(nn.BatchNorm1d(1), Recipe())
    assert ema.result() is ema.model


def test_follows_tensors_that_are_replaced():
    """accelerate and `nn.Module.to` put other tensors in the places of the old ones."""
    model = nn.BatchNorm1d(1)
    ema = ModelEma(model, Recipe(ema_decay=0.0))
    model.weight.data = torch.full((1,), 3.0)
    model.bias = nn.Parameter(torch.full((1,), 4.0))
    model.running_mean = torch.full((1,), 5.0)
    model.num_batches_tracked = torch.tensor(6)
    ema.update()
    for name, value in model.state_dict().items():
        assert torch.equal(ema.model.state_dict()[name], value), name


def test_a_shared_parameter_is_averaged_once():
    first, second = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    second.weight = first.weight
    model = nn.ModuleList([first, second])
    with torch.no_grad():
        first.weight.fill_(0)
    ema = ModelEma(model, Recipe(ema_decay=0.5, ema_ramp=1e-9))
    with torch.no_grad():
        first.weight.fill_(1)
    ema.update()
    assert ema.model[1].weight.item() == 0.5
