"""The images of a trial, --overfit or --quick, and what is said of it; see `trial_options`."""

import numpy as np
from loguru import logger

from yolox_ela.commands.trial_options import OVERFIT_SETTINGS, TENTH
from yolox_ela.datasets.split import VocSplit
from yolox_ela.recipe import Recipe


def chosen_images(recipe: Recipe, split: VocSplit) -> VocSplit:
    """The images of a set that a trial uses; without one, all.

    Of images with objects that count, --overfit takes the first, --quick as many as a tenth of all
    images, evenly spread.
    """
    if not (recipe.overfit or recipe.quick):
        return split
    counts = np.add.reduceat(np.append(~split.difficult, False).astype(int), split.offsets[:-1])
    there = np.flatnonzero((counts > 0) & (np.diff(split.offsets) > 0))
    if recipe.overfit:
        return split.subset(there[: recipe.overfit].tolist())
    wanted = min(len(there), -(-len(split) // TENTH))
    return split.subset(there[np.arange(wanted) * len(there) // max(1, wanted)].tolist())


def report_trial(recipe: Recipe) -> None:
    """Log what a trial is and what it has changed."""
    if recipe.overfit:
        changes = ", ".join(f"{name} {getattr(recipe, name)}" for name in OVERFIT_SETTINGS)
        logger.warning(
            "--overfit {}: trained and evaluated on the same images, as a check of the set-up: a "
            "sound one comes close to an AP50 of 100. The scores are no results. It changes {}",
            recipe.overfit,
            changes,
        )
    if recipe.quick:
        logger.warning(
            "--quick: {} epochs on a tenth of the images, to see whether it runs; the scores are "
            "no results",
            recipe.epochs,
        )
