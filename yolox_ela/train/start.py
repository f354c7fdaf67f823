"""The weights that a training starts from, as its recipe says."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.network.class_rows import known_names, start_rows
from yolox_ela.network.model import Yolox
from yolox_ela.network.starts import RANDOM, Start, start_of_file
from yolox_ela.network.weights import (
    load_pretrained,
    read_checkpoint,
    state_dict_of,
    weights_digest,
)
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.train.attention_of_start import require_same_attention


def load_start(recipe: Recipe, model: Yolox, weights: Path | None) -> Start:
    """Load the weights to start from into a new network.

    Args:
        recipe: says what the class predictors start as.
        model: as the experiment built it.
        weights: the file; None leaves the network's random weights.

    Raises:
        UserError: the file has no weights of YOLOX of this size, its attention is another one (see
            `require_same_attention`), its classes do not serve as the recipe wants, or the recipe
            keeps a share of a start that cannot detect anything.
    """
    if weights is None:
        if recipe.start_share > 0:
            raise UserError(
                f"start_share {recipe.start_share} keeps a share of the starting weights, and "
                "these are random: give weights with -c, or set start_share 0"
            )
        digest = weights_digest(model.state_dict())
        return Start(RANDOM, digest, f"random, seed {recipe.seed}")
    content = read_checkpoint(weights)
    state = state_dict_of(content, weights)
    require_same_attention(recipe, model, content, state, weights)
    classes = start_rows(
        model.state_dict(),
        state,
        known_names(content, state, weights),
        recipe.classes,
        by_name=recipe.class_head_start == "by_name",
        source=weights,
    )
    report = load_pretrained(model, classes.state, weights)
    if recipe.start_share > 0:
        keeps = f"start_share {recipe.start_share} keeps a share of the starting weights, and"
        if report.new and recipe.attention_start != "identity":
            raise UserError(
                f"{keeps} with new attention these detect nothing: add attention_start identity, "
                "or set start_share 0"
            )
        if not classes.kept:
            raise UserError(
                f"{keeps} with new class predictors these know no class: set start_share 0"
            )
    silenced = bool(report.new) and recipe.attention_start != "identity"
    start = start_of_file(weights, state, f"{report}; {classes}")
    return replace(start, detects=not classes.new and not silenced)


def in_class_order_of(exp: Experiment, content: Mapping[str, Any]) -> Experiment:
    """The experiment with its classes in the order of the run that is to be resumed.

    Rows, labels and momentum then stay as they are. Other classes are left for `require_same_run`
    to refuse.
    """
    classes = tuple(content.get("recipe", {}).get("classes", ()))
    if classes == exp.classes or set(classes) != set(exp.classes):
        return exp
    logger.info("classes in the order of the run: {}", ", ".join(classes))
    return override(exp, {"classes": classes})
