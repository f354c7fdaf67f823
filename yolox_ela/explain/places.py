"""The maps at chosen places of a network, while it processes a picture.

A place is one of the seven `SITES`, where the map is taken behind the attention (or where the
attention would be, in a network without it), or any module by its name, whose output is taken.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from yolox_ela.errors import UserError
from yolox_ela.network.model import Yolox
from yolox_ela.overrides import did_you_mean
from yolox_ela.sizes import SITES


class Pass(NamedTuple):
    """A network's predictions for one picture, and what they were computed from.

    Attributes:
        predictions: (A, 5 + classes) as `Yolox.forward` returns them; gradients can be taken.
        maps: by place, the (1, C, h, w) map.
    """

    predictions: Tensor
    maps: dict[str, Tensor]


def require_places(model: Yolox, places: Sequence[str]) -> None:
    """Raise UserError if a place is neither a site nor a module of the network."""
    modules = [name for name, _ in model.named_modules() if name]
    for place in places:
        if place not in SITES and place not in modules:
            hint = did_you_mean(place, [*SITES, *modules])
            raise UserError(
                f"the network has no place '{place}'; {hint + ' ' if hint else ''}"
                f"give {', '.join(SITES)}, or the name of a module, as in head.stems.0"
            )


def run_with_maps(model: Yolox, picture: Tensor, places: Sequence[str]) -> Pass:
    """Run a network in evaluation mode, and keep the maps at some places with their history.

    Args:
        model: the network; its mode is restored afterwards.
        picture: (1, 3, H, W) float, BGR, 0-255, on the network's device.
        places: names of sites or modules.

    Raises:
        UserError: there is no such place, or what is there is not one map.
    """
    require_places(model, places)
    found: dict[str, Tensor] = {}

    def look(site: str, module: nn.Module | None, before: Tensor, after: Tensor) -> Tensor:
        if site not in places:
            return after
        # Without attention, the backbone's next stage reads the same map: a site's is a branch.
        found[site] = after.clone()
        return found[site]

    def keep(place: str, output: Any) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim != 4:
            raise UserError(f"'{place}' cannot be shown: its output is not a map (1, C, h, w)")
        if place in found:
            raise UserError(f"'{place}' is run several times for a picture: name a site instead")
        found[place] = output
        return output.clone()  # what follows may overwrite it in place

    training = model.training
    model.eval()
    with ExitStack() as stack:
        stack.callback(model.train, training)
        stack.enter_context(torch.enable_grad())
        stack.enter_context(model.backbone.watched(look))
        for place in places:
            if place not in SITES:
                hook = model.get_submodule(place).register_forward_hook(
                    lambda module, inputs, output, place=place: keep(place, output)
                )
                stack.callback(hook.remove)
        # The picture needs a gradient so that maps have one where all weights are frozen.
        predictions = model(picture.clone().requires_grad_())
    for place in places:
        if place not in found:
            raise UserError(f"'{place}' cannot be shown: this network does not run it")
    return Pass(predictions[0], {place: found[place] for place in places})
