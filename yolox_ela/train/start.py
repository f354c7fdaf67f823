"""The weights that a training starts from, as its recipe says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.model import YoloxNano
from yolox_ela.recipe import Recipe
from yolox_ela.weights import load_pretrained, read_checkpoint, start_class_head, state_dict_of


def load_start(recipe: Recipe, model: YoloxNano, weights: Path | None) -> str:
    """Load the weights to start from into a new network.

    Args:
        recipe: says what the class predictors start as.
        model: as the experiment built it.
        weights: the file; None leaves the network's random weights.

    Returns:
        What became of every tensor, for the log.

    Raises:
        UserError: the file is none of YOLOX-Nano's weights, its attention was trained with gates
            of another reach, or the recipe keeps a share of a start that cannot detect anything.
    """
    if weights is None:
        if recipe.start_share > 0:
            raise UserError(
                f"start_share {recipe.start_share} keeps a share of the starting weights, and "
                "these are random: give weights with -c, or set start_share 0"
            )
        return f"random, seed {recipe.seed}"
    content = read_checkpoint(weights)
    state = state_dict_of(content, weights)
    _require_same_gates(recipe, content.get("recipe", {}), state, weights)
    origin = f"{weights}: "
    if recipe.class_head_start == "coco":
        state, known = start_class_head(model, state, recipe.classes, weights)
        if known:
            count = f"{len(known)} of {len(recipe.classes)}"
            origin += f"class predictors of COCO for {count} classes; "
    report = load_pretrained(model, state, weights)
    if recipe.start_share > 0:
        keeps = f"start_share {recipe.start_share} keeps a share of the starting weights, and"
        if report.new and recipe.attention_start != "identity":
            raise UserError(
                f"{keeps} with new attention these detect nothing: add attention_start identity, "
                "or set start_share 0"
            )
        if report.wrong_shape:
            raise UserError(
                f"{keeps} with new class predictors these know no class: set start_share 0"
            )
    return origin + str(report)


def _require_same_gates(
    recipe: Recipe, trained: Mapping[str, Any], state: Mapping[str, Tensor], weights: Path
) -> None:
    """Attention that started as the identity has gates up to 2, and its weights do not say so."""
    start = trained.get("attention_start", "paper")
    attentive = any(name.startswith("backbone.attention.") for name in state)
    if attentive and start != recipe.attention_start:
        raise UserError(
            f"the attention in {weights} was trained with attention_start {start}, and with "
            f"{recipe.attention_start} would do something else: add attention_start {start}"
        )
