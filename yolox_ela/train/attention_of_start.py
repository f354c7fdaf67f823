"""Whether the attention in starting weights is the attention that is to be trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.network.model import YoloxNano
from yolox_ela.recipe import Recipe
from yolox_ela.trained import ATTENTION


def require_same_attention(
    recipe: Recipe,
    model: YoloxNano,
    content: Mapping[str, Any],
    state: Mapping[str, Tensor],
    path: Path,
) -> None:
    """Make sure that attention in the starting weights goes on computing what it was trained for.

    Weights without attention suit any network. Tensors alone do not say with which gate scale (1
    or 2) they were trained, and those without a place in the network would be dropped.

    Args:
        recipe: the settings of the training.
        model: the network that is to be trained.
        content: everything in the file of weights.
        state: the network's tensors in it.
        path: the file, for messages.

    Raises:
        UserError: the attention is another one; says which settings or experiment to give.
    """
    theirs, own = _attention(state), _attention(model.state_dict())
    if not theirs:
        return
    settings = {}
    start = content.get("recipe", {}).get("attention_start", "paper")
    if start != recipe.attention_start:
        settings["attention_start"] = start
    shared = any(name.startswith(f"{ATTENTION}width") for name in theirs)
    if shared != recipe.share_sites:
        settings["share_sites"] = str(shared).lower()
    if own and settings:
        added = " ".join(f"{name} {value}" for name, value in settings.items())
        raise UserError(
            f"the attention in {path} was trained with {added}, and this training would use it "
            f"otherwise: add {added}"
        )
    if theirs != own:
        trained_as = content.get("experiment", content.get("recipe", {}).get("name"))
        whose = f", trained as '{trained_as}'," if trained_as else ""
        raise UserError(
            f"the attention in {path}{whose} does not fit the experiment '{recipe.name}': give its "
            "own experiment with -f, or start from weights without attention, as in -c coco"
        )


def _attention(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the attention's tensors."""
    return {name: tuple(t.shape) for name, t in state.items() if name.startswith(ATTENTION)}
