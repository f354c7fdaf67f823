"""SGD with weight decay where it belongs."""

import torch
from torch import nn

from yolox_ela.recipe import Recipe

DECAYED = (nn.modules.conv._ConvNd, nn.Linear)
FUSED_DEVICES = ("cpu", "cuda")


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Nesterov SGD; decay on convolution and linear weights, none on anything else.

    Biases, norms' weights and attention's raw parameters are not decayed (upstream decays
    GroupNorm and never sees raw parameters). All parameters are on one device; where it can, one
    kernel updates all of them.

    Raises:
        RuntimeError: a trainable parameter is in no group or in two.
    """
    decayed_ids = {id(module.weight) for module in model.modules() if isinstance(module, DECAYED)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trainable if id(p) in decayed_ids]
    plain = [p for p in trainable if id(p) not in decayed_ids]
    grouped = [id(p) for p in decayed + plain]
    if len(grouped) != len(set(grouped)) or set(grouped) != {id(p) for p in trainable}:
        raise RuntimeError("every trainable parameter must be in exactly one optimizer group")
    return torch.optim.SGD(
        [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=recipe.peak_lr,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
        fused=all(p.device.type in FUSED_DEVICES for p in trainable),
    )
