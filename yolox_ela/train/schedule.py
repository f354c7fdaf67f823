"""The learning rate of every step."""

import math

from loguru import logger

from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import RunSettings


def learning_rate(step: int, total_steps: int, recipe: Recipe) -> float:
    """YOLOX's schedule: quadratic warm-up, cosine, then constant for the final epochs.

    Args:
        step: steps done so far, 0 for the first.
        total_steps: number of steps of the whole run.
        recipe: gives the peak, the shares of warm-up and final epochs, and the lowest rate.
    """
    peak, lowest = recipe.peak_lr, recipe.peak_lr * recipe.min_lr_ratio
    cosine_end = total_steps * (1 - recipe.final_epochs / recipe.epochs)
    warmup = min(recipe.warmup_steps or recipe.warmup_fraction * total_steps, cosine_end)
    if step < warmup:
        # Counted from 1, so that no step is spent at a rate of 0.
        return peak * min(1.0, (step + 1) / warmup) ** 2
    if step >= cosine_end:
        return lowest
    progress = (step - warmup) / (cosine_end - warmup)
    return lowest + 0.5 * (peak - lowest) * (1 + math.cos(math.pi * progress))


def warn_of_long_warmup(total_steps: int, recipe: RunSettings) -> None:
    """Warn of a warm-up that takes more than half of the run."""
    if recipe.warmup_steps > total_steps / 2:
        logger.warning(
            "warm-up takes {} of the run's {} steps: with so few images, lower warmup_steps",
            recipe.warmup_steps,
            total_steps,
        )
