"""Exponential moving average of a network's weights, which evaluation uses."""

import copy
import math
from collections.abc import Iterable
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from yolox_ela.recipe import Recipe

Network = TypeVar("Network", bound=nn.Module)


class ModelEma(Generic[Network]):
    """Averages every floating-point tensor of a model, BatchNorm's statistics included.

    Args:
        model: the network that is trained, on its device; its tensors must stay the same objects.
        recipe: gives the decay.

    Attributes:
        model: the averaged network, in evaluation mode.
        updates: number of updates so far.
    """

    def __init__(self, model: Network, recipe: Recipe) -> None:
        self.model = copy.deepcopy(model)
        self.model.eval().requires_grad_(False)
        self.recipe = recipe
        self.updates = 0
        # Collected once: walking through the network takes longer than averaging it.
        pairs = list(
            zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        )
        self._averaged, self._trained = _columns(pair for pair in pairs if _is_float(pair))
        self._counts, self._trained_counts = _columns(p for p in pairs if not _is_float(p))

    def decay(self) -> float:
        """Share of the old average that the next update keeps; rises from 0, as in YOLOX."""
        ramp = 1 - math.exp(-(self.updates + 1) / self.recipe.ema_ramp)
        return self.recipe.ema_decay * ramp

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present weights."""
        weight = 1 - self.decay()
        self.updates += 1
        torch._foreach_lerp_(self._averaged, self._trained, weight)
        torch._foreach_copy_(self._counts, self._trained_counts)


def _is_float(pair: tuple[Tensor, Tensor]) -> bool:
    return pair[0].is_floating_point()


def _columns(pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    listed = list(pairs)
    return [first for first, _ in listed], [second for _, second in listed]
