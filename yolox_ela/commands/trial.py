"""The images of a trial, --overfit or --quick, and what is said of it; see `trial_options`."""

from loguru import logger

from yolox_ela.datasets.split import VocSplit
from yolox_ela.datasets.trial_images import evenly_spread, with_objects
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import TENTH, RunSettings


def chosen_images(recipe: Recipe, split: VocSplit) -> VocSplit:
    """The images of a set that a trial uses; without one, all.

    Of images with objects that count, --overfit takes the first, --quick as many as a tenth of all
    images, evenly spread.
    """
    if not (recipe.overfit or recipe.quick):
        return split
    there = with_objects(split)
    if recipe.overfit:
        return split.subset(there[: recipe.overfit].tolist())
    return split.subset(evenly_spread(there, -(-len(split) // TENTH)))


def report_trial(recipe: RunSettings, score: str) -> None:
    """Log what a trial is and what it has changed.

    Args:
        recipe: the run's settings.
        score: the score that a sound set-up drives to 100 %.
    """
    if recipe.overfit:
        changes = ", ".join(f"{name} {getattr(recipe, name)}" for name in recipe.overfit_settings)
        logger.warning(
            "--overfit {}: trained and evaluated on the same images, as a check of the set-up: a "
            "sound one comes close to 100 % in {}. The scores are no results. It changes {}",
            recipe.overfit,
            score,
            changes,
        )
    if recipe.quick:
        logger.warning(
            "--quick: {} epochs on a tenth of the images, to see whether it runs; the scores are "
            "no results",
            recipe.epochs,
        )
