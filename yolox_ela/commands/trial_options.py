"""Trials of a set-up, --overfit and --quick: their settings, whose scores are no results."""

import argparse
from typing import Any, TypeVar

from yolox_ela.commands.options import add_field_option
from yolox_ela.commands.parser import Parser, whole
from yolox_ela.errors import UserError
from yolox_ela.overrides import override
from yolox_ela.run_settings import TENTH, RunSettings, setting_fields

RecipeType = TypeVar("RecipeType", bound=RunSettings)

OPTIONS = {"overfit": "--overfit", "quick": "--quick"}
# What --quick divides settings by; a tenth of the epochs have a hundredth of the steps.
DIVIDED = {
    "epochs": TENTH,
    "eval_interval": TENTH,
    "warmup_steps": TENTH**2,
    "freeze_backbone_steps": TENTH**2,
}
NONE = ("0", "false", "False")  # a trial that is switched off


def require_trial(args: argparse.Namespace, typed: dict[str, str]) -> None:
    """Raise UserError for a trial that could be taken for a result, or for two at once."""
    chosen = [option for name, option in OPTIONS.items() if typed.get(name, "0") not in NONE]
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)} are two trials: give one of them")
    if chosen and args.record:
        raise UserError(f"{chosen[0]} is a trial, whose scores are no results: leave --record out")


def with_trial(recipe: RecipeType, typed: dict[str, str]) -> RecipeType:
    """The recipe with the fields on the command line, and what --overfit or --quick changes.

    The settings of a trial stand below the fields that were typed; --quick divides what they say.
    The trial enters the name, also where a name was typed.

    Raises:
        UserError: the experiment's file states a trial.
    """
    if recipe.overfit or recipe.quick:
        raise UserError(
            f"{recipe.name} states overfit or quick: these are for the command line only, as "
            "--overfit 16 or --quick"
        )
    fields = {name: value for name, value in typed.items() if name not in OPTIONS}
    trial = override(recipe, {name: typed[name] for name in OPTIONS if name in typed})
    values: dict[str, Any] = {name: getattr(trial, name) for name in OPTIONS}
    if trial.overfit:
        recipe = override(recipe, recipe.overfit_settings)
    if trial.quick:
        recipe = override(recipe, recipe.quick_settings)
    recipe = override(recipe, fields)
    if trial.quick:
        known = {field.name for field in setting_fields(recipe)}
        values |= {
            name: -(-getattr(recipe, name) // divisor)
            for name, divisor in DIVIDED.items()
            if name in known
        }
    return override(recipe, values)


def add_trials(parser: Parser) -> None:
    """--overfit and --quick."""
    trials = parser.add_argument_group("trial of a set-up, whose scores are no results")
    add_field_option(
        parser,
        trials,
        OPTIONS["overfit"],
        field="overfit",
        type=whole(1),
        metavar="N",
        help="train and evaluate on the same N images, 200 epochs without augmentation; a sound "
        "set-up detects all their objects (default: off)",
    )
    add_field_option(
        parser,
        trials,
        OPTIONS["quick"],
        field="quick",
        action="store_true",
        help="a tenth of the epochs and images, to see whether it runs (default: off)",
    )
