"""SGD or AdamW: which parameters decay, and the learning rate of each kind of parameter."""

from dataclasses import dataclass

import torch
from torch import nn

from yolox_ela.run_settings import RunSettings

DECAYED = (nn.modules.conv._ConvNd, nn.Linear)
FUSED_DEVICES = ("cpu", "cuda")
ADAMW_SECOND_BETA = 0.999


@dataclass(frozen=True)
class Kind:
    """What parameters of one optimizer group have in common.

    Attributes:
        decayed: whether they decay: convolution and linear weights, or all.
        new: see `RunSettings.is_new`.
        backbone: see `RunSettings.is_backbone`.
    """

    decayed: bool
    new: bool
    backbone: bool


def build_optimizer(model: nn.Module, recipe: RunSettings) -> torch.optim.Optimizer:
    """SGD or AdamW; convolution and linear weights decay.

    So do all parameters if the recipe says so. Otherwise biases, norms' weights and attention's raw
    parameters do not (upstream decays GroupNorm and never sees raw parameters). All parameters are
    on one device; where it can, one kernel updates all of them. Each group has its share of the
    learning rate as `lr_factor`, and says by `backbone` whether it is of the backbone.

    Raises:
        RuntimeError: a trainable parameter is in no group or in two.
    """
    decayed_ids = {id(module.weight) for module in model.modules() if isinstance(module, DECAYED)}
    groups: dict[Kind, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():  # one that is shared comes once
        if parameter.requires_grad:
            kind = Kind(
                recipe.decays_all or id(parameter) in decayed_ids,
                recipe.is_new(name),
                recipe.is_backbone(name),
            )
            groups.setdefault(kind, []).append(parameter)
    grouped = [id(p) for parameters in groups.values() for p in parameters]
    trainable = {id(p) for p in model.parameters() if p.requires_grad}
    if len(grouped) != len(set(grouped)) or set(grouped) != trainable:
        raise RuntimeError("every trainable parameter must be in exactly one optimizer group")
    devices = {p.device.type for parameters in groups.values() for p in parameters}
    settings = [
        {
            "params": parameters,
            "weight_decay": recipe.weight_decay if kind.decayed else 0.0,
            "lr_factor": recipe.lr_factor_new if kind.new else recipe.lr_factor_pretrained,
            "backbone": kind.backbone,
        }
        for kind, parameters in groups.items()
    ]
    # A first step that overflows in fp16 would leave SGD's fused kernel with uninitialised
    # momentum.
    fused = devices <= set(FUSED_DEVICES) and recipe.precision != "fp16"
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, ADAMW_SECOND_BETA)
        return torch.optim.AdamW(settings, lr=recipe.peak_lr, betas=betas, fused=fused)
    return torch.optim.SGD(
        settings,
        lr=recipe.peak_lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov and recipe.momentum > 0,
        fused=fused,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float, *, frozen: bool) -> None:
    """Give each group of `build_optimizer` its share of `lr`; the backbone none while frozen."""
    for group in optimizer.param_groups:
        group["lr"] = 0.0 if frozen and group["backbone"] else lr * group["lr_factor"]
