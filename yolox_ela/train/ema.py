"""The weights that evaluation uses: an average over the steps, and a share of the start."""

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from yolox_ela.recipe import Recipe

Network = TypeVar("Network", bound=nn.Module)


class ModelEma(Generic[Network]):
    """Averages every floating-point tensor of a model, BatchNorm's statistics included.

    Args:
        model: the network that is trained, on its device; its tensors must stay the same objects.
        recipe: gives the decay, and the share of the start.

    Attributes:
        model: the averaged network, in evaluation mode.
        start: the state dict that training started from, if the recipe keeps a share of it.
        updates: number of updates so far.
    """

    def __init__(self, model: Network, recipe: Recipe) -> None:
        self.model = copy.deepcopy(model)
        self.model.eval().requires_grad_(False)
        self.recipe = recipe
        self.updates = 0
        self.start: dict[str, Tensor] | None = None
        if recipe.start_share > 0:
            self.start = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
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

    def result(self) -> Network:
        """The network to evaluate and to keep: the average and the recipe's share of the start.

        BatchNorm's statistics are mixed like weights, its counts are the average's.
        """
        if self.start is None:
            return self.model
        mixed = copy.deepcopy(self.model)
        mix_in(mixed, self.start, self.recipe.start_share)
        return mixed


@torch.no_grad()
def mix_in(network: nn.Module, start: Mapping[str, Tensor], share: float) -> None:
    """Replace this share (0-1) of a network's weights and statistics by those of a state dict."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(start[name], share)


def _is_float(pair: tuple[Tensor, Tensor]) -> bool:
    return pair[0].is_floating_point()


def _columns(pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    listed = list(pairs)
    return [first for first, _ in listed], [second for _, second in listed]
