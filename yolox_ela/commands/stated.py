"""What an experiment's file states of the recipe, read without running the file.

Running it imports torch, which takes seconds; a mistake in the options is reported before that.
"""

import argparse
import ast
from pathlib import Path
from typing import Any

from yolox_ela.commands.options import IMAGE_SIZE_NAMES
from yolox_ela.commands.parser import image_size
from yolox_ela.errors import UserError
from yolox_ela.exp_file import find_experiment, trains_other_network
from yolox_ela.input_size import InputSize
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe


def stated_recipe(path: Path | None) -> Recipe | None:
    """The recipe of a file that consists of imports, functions and `exp = Experiment(...)`.

    Args:
        path: the file, or the name of one of the package's own; None for the recipe's defaults.

    Returns:
        None if only running the file tells its settings.
    """
    if path is None:
        return Recipe()
    try:
        tree = ast.parse(find_experiment(path).read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # running it says what is wrong
        return None
    values = None
    for node in tree.body:
        if isinstance(node, ast.Assign) and values is None:
            values = _settings(node)
            if values is None:
                return None
        elif not _sets_nothing(node):
            return None
    try:
        recipe = Recipe(**(values or {}))
        recipe.validate()
    except (TypeError, ValueError, UserError):  # running the file says which field, and which file
        return None
    return recipe


def check_overrides(args: argparse.Namespace) -> None:
    """Raise UserError for recipe fields that are unknown or have a bad value, as far as the
    experiment's file tells without being run.
    """
    recipe, pairs = stated_recipe(args.experiment), pairs_to_dict(args.overrides)
    if recipe is not None:
        override(recipe, pairs).validate()


def require_image_size(args: argparse.Namespace) -> None:
    """Raise UserError for a size that YOLOX cannot have, if that is what the experiment trains."""
    if "image_size" in args.given and not trains_other_network(args.experiment):
        try:
            image_size(str(InputSize.of(args.image_size)))
        except argparse.ArgumentTypeError as error:
            raise UserError(f"{'/'.join(IMAGE_SIZE_NAMES)}: {error}") from error


def _sets_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef))


def _settings(node: ast.Assign) -> dict[str, Any] | None:
    """The fields in `exp = Experiment(field=value, ...)`; None if it is something else."""
    call = node.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return None
    if call.func.id != "Experiment" or call.args:
        return None
    values: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg == "attention":
            continue
        try:
            value = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return None
        if keyword.arg is None:
            return None
        values[keyword.arg] = tuple(value) if isinstance(value, list) else value
    return values
