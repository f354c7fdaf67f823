"""The sets and classes of a recipe, where it leaves them to the data."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from loguru import logger

from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.recognise import open_data
from yolox_ela.datasets.set_aside import DividedReader
from yolox_ela.datasets.whole import existing_sets
from yolox_ela.errors import UserError
from yolox_ela.overrides import did_you_mean, override
from yolox_ela.recipe import Recipe
from yolox_ela.system.program import command_text

RecipeType = TypeVar("RecipeType", bound=Recipe)


def open_as(recipe: Recipe, data: Path) -> Reader:
    """The data, read and divided as the recipe says.

    Raises:
        UserError: see `open_data` and `DividedReader`.
    """
    reader = open_data(data, recipe.xml_counts_from)
    return DividedReader(reader, recipe.val_fraction) if recipe.val_fraction else reader


def fitted_to_data(
    recipe: RecipeType, reader: Reader, *, training: bool, classes: bool = True
) -> RecipeType:
    """The recipe with the data's own sets and classes where it names none.

    Args:
        recipe: the settings; see `Recipe.names` for what counts as named.
        reader: the data.
        training: whether there must be a set to train on; otherwise only sets to evaluate on are
            looked at.
        classes: whether the data's classes may take the place of the recipe's; not where weights
            have theirs.

    Raises:
        UserError: the data have no such set or no classes, or a class is misspelled.
    """
    recipe = _with_sets_of(recipe, reader, training=training)
    if not classes:
        return recipe
    sets = [*recipe.train_sets, *recipe.test_sets] if training else list(recipe.test_sets)
    return _with_classes_of(recipe, reader, list(dict.fromkeys(sets)))


def _with_sets_of(recipe: RecipeType, reader: Reader, *, training: bool) -> RecipeType:
    """The recipe with the data's own sets in the place of the default ones."""
    values = {}
    for field, needed in (("train_sets", training), ("test_sets", True)):
        if recipe.names(field) or _stands_beside_test_sets(field, recipe, reader):
            continue
        own = reader.default_sets()[field == "test_sets"]
        if training and len(own) == 1:
            there = existing_sets(reader)
            if len(there) == 1 and own != there:
                own = []  # it is the name of a usual set, which these data lack
        if len(own) == 1:
            values[field] = tuple(own)
        elif needed:
            raise UserError(_which_set(field, own, reader, training=training))
    if values:
        others = set(reader.sets()).difference(*values.values())
        logger.info(
            "sets of the data: {}{}",
            " ".join(f"{field} {names[0]}" for field, names in values.items()),
            f" (not used: {', '.join(sorted(others))})" if others else "",
        )
    return override(recipe, values)


def _stands_beside_test_sets(field: str, recipe: Recipe, reader: Reader) -> bool:
    """Whether the default sets to train on can be meant, as others than usual are evaluated on.

    VOC's trainval is no set to train on where its part val is evaluated on.
    """
    return (
        field == "train_sets"
        and recipe.names("test_sets")
        and list(recipe.test_sets) != reader.default_sets()[1]
        and set(recipe.train_sets) <= set(reader.sets())
    )


def _which_set(field: str, own: Sequence[str], reader: Reader, *, training: bool) -> str:
    """What to say where a set has to be named."""
    where = f"{reader.root} ({reader.layout})"
    if own:
        return (
            f"{where} has several sets that could be meant by {field}: {', '.join(own)}; name "
            f"those to use, as in: {field} {own[0]}"
        )
    purpose = "train on" if field == "train_sets" else "evaluate on"
    there = existing_sets(reader)
    lacking = [name for name in reader.sets() if name not in there]  # a data.yaml may name others
    said = (
        f"{where} has no set to {purpose}; it has {', '.join(there) or 'none'}"
        f"{f' (the images of {lacking[0]} are missing)' if lacking and there else ''}: "
    )
    if training and len(there) == 1:
        return (
            f"{said}add val_fraction 0.2 to set a fifth of its images aside for evaluation "
            f"({command_text('dataset')} split writes such parts as data of their own)"
        )
    return f"{said}name one, as in: {field} {there[0] if there else 'train'}"


def _with_classes_of(recipe: RecipeType, reader: Reader, sets: Sequence[str]) -> RecipeType:
    """The recipe with the data's own classes, unless it names classes itself."""
    own = reader.class_names(sets)
    if recipe.names("classes"):
        _require_spelled(recipe.classes, own, reader)
        return recipe
    if not own:
        raise UserError(
            f"no classes are named in {reader.root} ({reader.layout}): name them, as in: classes "
            "cat,dog"
        )
    if own == recipe.classes:
        return recipe
    logger.info("{} classes of the data: {}", len(own), ", ".join(own))
    return override(recipe, {"classes": own})


def _require_spelled(named: Sequence[str], own: Sequence[str], reader: Reader) -> None:
    """Raise UserError for a named class that never occurs, while another nearly of its name does.

    A class that no name of the data comes near may be one without objects, and is let through.
    """
    others = [name for name in own if name not in named]
    for name in named:
        hint = "" if name in own else did_you_mean(name, others)
        if hint:
            raise UserError(f"classes names '{name}', which never occurs in {reader.root}; {hint}")
