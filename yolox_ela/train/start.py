"""The weights that a training starts from, as its recipe says."""

from pathlib import Path

from yolox_ela.errors import UserError
from yolox_ela.model import YoloxNano
from yolox_ela.recipe import Recipe
from yolox_ela.weights import load_pretrained, read_weights, start_class_head


def load_start(recipe: Recipe, model: YoloxNano, weights: Path | None) -> str:
    """Load the weights to start from into a new network.

    Args:
        recipe: says what the class predictors start as.
        model: as the experiment built it.
        weights: the file; None leaves the network's random weights.

    Returns:
        What became of every tensor, for the log.

    Raises:
        UserError: the file is none of YOLOX-Nano's weights, or the recipe keeps a share of a start
            that cannot detect anything.
    """
    if weights is None:
        if recipe.start_share > 0:
            raise UserError(
                f"start_share {recipe.start_share} keeps a share of the starting weights, and "
                "these are random: give weights with -c, or set start_share 0"
            )
        return f"random, seed {recipe.seed}"
    state = read_weights(weights)
    origin = f"{weights}: "
    if recipe.class_head_start == "coco":
        state, known = start_class_head(model, state, recipe.classes, weights)
        origin += f"class predictors of COCO for {len(known)} of {len(recipe.classes)} classes; "
    report = load_pretrained(model, state, weights)
    if recipe.start_share > 0 and report.new and recipe.attention_start != "identity":
        raise UserError(
            f"start_share {recipe.start_share} keeps a share of the starting weights, and with "
            "new attention these detect nothing: add attention_start identity, or set "
            "start_share 0"
        )
    return origin + str(report)
