"""Weight decay reaches convolution and linear weights and nothing else."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from yolox_ela.attention import CBAM, SA, SE, ela_s
from yolox_ela.network.model import build_yolox
from yolox_ela.recipe import Recipe
from yolox_ela.train.optimizer import build_optimizer, set_learning_rate


def decays(model):
    """The weight decay of each parameter, by name."""
    optimizer = build_optimizer(model, Recipe())
    by_id = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    return {name: by_id.get(id(p)) for name, p in model.named_parameters()}


@pytest.mark.parametrize("attention", [None, ela_s, SE, SA, CBAM])
def test_every_parameter_in_the_right_group(attention):
    for name, decay in decays(build_yolox(20, attention)).items():
        owner = name.rsplit(".", 1)[0]
        is_matrix = name.endswith(".weight") and ".bn" not in name and "gate_h.1" not in owner
        if "attention" in name and not name.endswith((".weight", ".bias")):
            is_matrix = False  # SA's raw parameters
        if "attention" in name and attention is SA:
            is_matrix = False  # SA has no convolution, only a GroupNorm and raw parameters
        assert decay == (5e-4 if is_matrix else 0.0), name


def learning_rates(model, recipe, *, frozen=False):
    """The learning rate of each parameter, by name, when the schedule says 1."""
    optimizer = build_optimizer(model, recipe)
    set_learning_rate(optimizer, 1.0, frozen=frozen)
    by_id = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
    return {name: by_id[id(p)] for name, p in model.named_parameters()}


@pytest.mark.parametrize("start", ["random", "by_name"])
def test_new_and_pretrained_parameters_have_their_own_rates(start):
    recipe = Recipe(lr_factor_new=2.0, lr_factor_pretrained=0.5, class_head_start=start)
    for name, rate in learning_rates(build_yolox(20, ela_s), recipe).items():
        new = "attention" in name or ("cls_preds" in name and start == "random")
        assert rate == (2.0 if new else 0.5), name


def test_a_frozen_backbone_keeps_its_weights_and_the_rest_its_rates():
    for name, rate in learning_rates(build_yolox(20, ela_s), Recipe(), frozen=True).items():
        assert rate == (0.0 if name.startswith("backbone.backbone.") else 1.0), name


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_an_overflow_in_the_first_step_leaves_no_trace(name):
    """The scaler skips it; fused kernels would begin with momentum that was never written."""
    weights = []
    for overflow in (False, True):
        model = nn.Linear(3, 3)
        nn.init.constant_(model.weight, 0.5)
        recipe = Recipe(lr=0.1, precision="fp16", optimizer=name)
        optimizer = build_optimizer(model, recipe)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        for factor in ([float("inf")] if overflow else []) + [1.0, 1.0]:
            optimizer.zero_grad()
            scaler.scale(model(torch.ones(1, 3)).sum() * factor).backward()
            scaler.step(optimizer)
            scaler.update()
        weights.append(model.weight.detach())
    torch.testing.assert_close(*weights)


def test_frozen_parameters_stay_out():
    model = build_yolox(20)
    model.backbone.requires_grad_(False)
    assert decays(model)["backbone.backbone.stem.conv.conv.weight"] is None


def test_shared_module_is_counted_once():
    shared = nn.Conv2d(4, 4, 1)
    model = nn.ModuleList([shared, shared, nn.BatchNorm2d(4)])
    optimizer = build_optimizer(model, Recipe())
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4


def test_a_step_is_nesterov_sgd_with_decay():
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, 2.0)
    nn.init.constant_(model.bias, 2.0)
    recipe = Recipe(lr=0.1, momentum=0.5, weight_decay=0.01)
    optimizer = build_optimizer(model, recipe)
    model(torch.ones(1, 1)).sum().backward()  # gradient 1 for both
    optimizer.step()
    # Nesterov's first step: lr * (1 + momentum) * gradient.
    assert model.weight.item() == pytest.approx(2 - 0.1 * 1.5 * (1 + 0.01 * 2))
    assert model.bias.item() == pytest.approx(2 - 0.1 * 1.5)


ADAMW = Recipe(optimizer="adamw", lr=0.01, momentum=0.8, weight_decay=0.1)


def test_a_step_is_adamw_with_decay_of_weights_alone():
    """Two steps by the formulas of arXiv 1711.05101, algorithm 2."""
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, 2.0)
    nn.init.constant_(model.bias, 2.0)
    optimizer = build_optimizer(model, ADAMW)
    expected, first, second = [2.0, 2.0], 0.0, 0.0
    for step, gradient in enumerate((1.0, -3.0), 1):
        optimizer.zero_grad()
        (gradient * model(torch.ones(1, 1))).sum().backward()
        optimizer.step()
        first = 0.8 * first + 0.2 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        moved = 0.01 * first / (1 - 0.8**step) / (second / (1 - 0.999**step)) ** 0.5
        expected = [expected[0] * (1 - 0.01 * 0.1) - moved, expected[1] - moved]
        assert [model.weight.item(), model.bias.item()] == pytest.approx(expected, rel=1e-6)


def test_adamw_has_the_groups_of_sgd():
    """The same parameters, decay and factors; the rate is linear in the batch with both."""
    recipe = replace(ADAMW, lr_factor_new=2.0, lr_factor_pretrained=0.5, batch_size=64)
    model = build_yolox(20, ela_s)
    groups = [
        [
            ([id(p) for p in group["params"]], group["weight_decay"], group["lr_factor"])
            for group in build_optimizer(model, replace(recipe, optimizer=name)).param_groups
        ]
        for name in ("sgd", "adamw")
    ]
    assert groups[0] == groups[1]
    adamw = build_optimizer(model, recipe)
    assert {group["lr"] for group in adamw.param_groups} == {0.04}
    assert {group["betas"] for group in adamw.param_groups} == {(0.8, 0.999)}
    assert all(group["fused"] for group in adamw.param_groups)
