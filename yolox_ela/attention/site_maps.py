"""The maps at sites of any network: what a submodule returns, or what it is given."""

from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Before:
    """A site on the first input of a submodule, such as the map of a ReLU that is called twice."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"Before: a submodule's name is text, not a {type(self.name).__name__}")

    def __str__(self) -> str:
        return f"before {self.name}"


Site = str | Before


def maps_at(model: nn.Module, sites: Sequence[Site], example: Any = None) -> dict[Site, Tensor]:
    """The map (N, C, H, W) at each site, by running the network once in evaluation mode.

    Args:
        model: any network.
        sites: see `insert`.
        example: see `insert`.

    Raises:
        ValueError: the network fails on the example, or a site does not run once or has no map.
    """
    seen: dict[Site, list[Any]] = {site: [] for site in sites}
    first = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    if example is None:
        example = torch.zeros(1, 3, 224, 224, dtype=first.dtype, device=first.device)
    given = example if isinstance(example, tuple) else (example,)
    with ExitStack() as stack, _evaluation(model), torch.no_grad():
        for site, found in seen.items():
            stack.enter_context(_watched(model, site, found))
        try:
            model(*given)
        except Exception as error:  # the user's network, which may fail in any way
            raise ValueError(
                f"insert: {type(model).__name__} fails for {described(given)} "
                f"({type(error).__name__}: {error}); give an input that it accepts as "
                "insert(..., example=...)"
            ) from error
    return {site: _the_map(site, found) for site, found in seen.items()}


@contextmanager
def _watched(model: nn.Module, site: Site, found: list[Any]) -> Any:
    """Record in `found` what passes at a site; the hook is removed in the end."""
    if isinstance(site, Before):
        handle = model.get_submodule(site.name).register_forward_pre_hook(
            lambda module, inputs: found.append(inputs[0] if inputs else None)
        )
    else:
        handle = model.get_submodule(site).register_forward_hook(
            lambda module, inputs, output: found.append(output)
        )
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _evaluation(model: nn.Module) -> Any:
    """Evaluation mode, after which each module has the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _the_map(site: Site, found: Sequence[Any]) -> Tensor:
    if len(found) != 1:
        said = "does not run" if not found else f"runs {len(found)} times"
        raise ValueError(
            f"insert: the submodule of site {site} {said} in a forward pass, where once is needed; "
            "choose another one, or Before(the submodule that takes the map)"
        )
    x = found[0]
    if not isinstance(x, Tensor) or x.ndim != 4:
        raise ValueError(
            f"insert: at site {site} there is {described(found)}, where a map (N, C, H, W) is "
            "needed"
        )
    return x


def described(values: Sequence[Any]) -> str:
    """Values in words, for messages."""
    return ", ".join(
        f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else f"a {type(value).__name__}"
        for value in values
    )
