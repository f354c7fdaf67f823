"""Exponential moving average of a network's weights, which evaluation uses."""

import copy
import math
from typing import Generic, TypeVar

import torch
from torch import nn

from yolox_ela.recipe import Recipe

Network = TypeVar("Network", bound=nn.Module)


class ModelEma(Generic[Network]):
    """Averages every floating-point tensor of a model, BatchNorm's statistics included.

    Attributes:
        model: the averaged network, in evaluation mode.
        updates: number of updates so far.
    """

    def __init__(self, model: Network, recipe: Recipe) -> None:
        self.model = copy.deepcopy(model)
        self.model.eval().requires_grad_(False)
        self.recipe = recipe
        self.updates = 0

    def decay(self) -> float:
        """Share of the old average that the next update keeps; rises from 0, as in YOLOX."""
        ramp = 1 - math.exp(-(self.updates + 1) / self.recipe.ema_ramp)
        return self.recipe.ema_decay * ramp

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's present weights."""
        weight = 1 - self.decay()
        self.updates += 1
        averaged, present = self.model.state_dict(), model.state_dict()
        floating = [name for name, tensor in averaged.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [averaged[name] for name in floating], [present[name] for name in floating], weight
        )
        for name, tensor in averaged.items():
            if not tensor.is_floating_point():
                tensor.copy_(present[name])
