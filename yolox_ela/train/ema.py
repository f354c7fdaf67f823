"""The weights that evaluation uses: an average over the steps, and a share of the start."""

import math
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from yolox_ela.network.copying import copy_network
from yolox_ela.run_settings import RunSettings

Network = TypeVar("Network", bound=nn.Module)


class ModelEma(Generic[Network]):
    """Averages every floating-point tensor of a model, BatchNorm's statistics included.

    Args:
        model: the trained network. Its tensors may be replaced at any time, as `accelerate` and
            `nn.Module.to` do: each update looks them up anew.
        recipe: gives the decay, and the share of the start.

    Attributes:
        model: the averaged network, in evaluation mode.
        start: the state dict that training started from, if the recipe keeps a share of it.
        updates: number of updates so far.
    """

    def __init__(self, model: Network, recipe: RunSettings) -> None:
        self.model = copy_network(model)
        self.model.eval().requires_grad_(False)
        self.recipe = recipe
        self.updates = 0
        self.start: dict[str, Tensor] | None = None
        if recipe.start_share > 0:
            self.start = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self._averaged, self._trained = _TensorSlots(self.model), _TensorSlots(model)

    def decay(self) -> float:
        """Share of the old average that the next update keeps; rises from 0, as in YOLOX."""
        ramp = 1 - math.exp(-(self.updates + 1) / self.recipe.ema_ramp)
        return self.recipe.ema_decay * ramp

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present weights."""
        weight = 1 - self.decay()
        self.updates += 1
        averaged, counts = self._averaged.tensors()
        trained, trained_counts = self._trained.tensors()
        torch._foreach_lerp_(averaged, trained, weight)
        if counts:
            torch._foreach_copy_(counts, trained_counts)

    def result(self) -> Network:
        """The network to evaluate and to keep: the average and the recipe's share of the start.

        BatchNorm's statistics are mixed like weights, its counts are the average's.
        """
        if self.start is None:
            return self.model
        mixed = copy_network(self.model)
        mix_in(mixed, self.start, self.recipe.start_share)
        return mixed


@torch.no_grad()
def mix_in(network: nn.Module, start: Mapping[str, Tensor], share: float) -> None:
    """Replace this share (0-1) of a network's weights and statistics by those of a state dict."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(start[name], share)


class _TensorSlots:
    """The places of a network's parameters and saved buffers, each once.

    A place is the dictionary of a module that holds a tensor, and the tensor's name there. Whoever
    replaces a tensor puts the new one into the same place, so reading the places is always right,
    and far quicker than walking through the network at every step.
    """

    def __init__(self, network: nn.Module) -> None:
        seen: set[int] = set()
        self._floats: list[tuple[dict[str, Any], str]] = []
        self._others: list[tuple[dict[str, Any], str]] = []  # BatchNorm's counts
        for module in network.modules():
            buffers = [n for n in module._buffers if n not in module._non_persistent_buffers_set]
            places: list[tuple[dict[str, Any], str]] = [
                *((module._parameters, name) for name in module._parameters),
                *((module._buffers, name) for name in buffers),
            ]
            for place, name in places:
                tensor = place[name]
                if tensor is None or id(tensor) in seen:  # a parameter that two modules share
                    continue
                seen.add(id(tensor))
                (self._floats if tensor.is_floating_point() else self._others).append((place, name))

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """The tensors there now: those of floating-point numbers, and all others."""
        return (
            [place[name] for place, name in self._floats],
            [place[name] for place, name in self._others],
        )
