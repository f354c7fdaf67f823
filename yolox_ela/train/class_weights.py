"""The weight of each class in the classification loss, as the recipe says."""

import numpy as np
import torch
from loguru import logger
from torch import Tensor

from yolox_ela.class_weights_text import BALANCED, NONE, parse_weights
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.overrides import did_you_mean
from yolox_ela.recipe import Recipe


def class_weights(recipe: Recipe, split: VocSplit) -> Tensor | None:
    """The weights of the classes; None if the recipe wants none.

    `balanced` weights are N / (K * n) for a class with n of the N training objects, of which K
    classes have any: their mean over the objects is 1. A class without objects has the weight 1,
    as one that is not named among weights by name.

    Args:
        recipe: gives `class_weights`.
        split: images to train on, with the objects that count.

    Returns:
        (C,) float32 in the order of the split's classes.

    Raises:
        UserError: a weight is given to a class that is none of the split's.
    """
    if recipe.class_weights == NONE:
        return None
    if recipe.class_weights == BALANCED:
        counts = np.bincount(split.labels, minlength=len(split.classes))
        present = counts > 0
        weights = np.ones(len(counts))
        weights[present] = counts.sum() / (present.sum() * counts[present])
        return torch.from_numpy(weights).float()
    given = parse_weights(recipe.class_weights)
    for name in given:
        if name not in split.classes:
            hint = did_you_mean(name, split.classes) or f"they are {', '.join(split.classes)}"
            raise UserError(f"class_weights names '{name}', which is no class of the run; {hint}")
    return torch.tensor([given.get(name, 1.0) for name in split.classes])


def log_class_weights(weights: Tensor | None, split: VocSplit) -> None:
    """Log the smallest and the largest weight."""
    if weights is not None:
        low, high = int(weights.argmin()), int(weights.argmax())
        logger.info(
            "class weights: from {:.3g} ({}) to {:.3g} ({})",
            weights[low].item(),
            split.classes[low],
            weights[high].item(),
            split.classes[high],
        )
