"""Checking the entries of a checkpoint beside its weights, before anything uses them.

Files from elsewhere may have other values under the names that runs of this package use. Only
`classes`, `recipe` and `value_range` are used, and checked, in any file.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from yolox_ela.errors import UserError
from yolox_ela.field_rules import complaint
from yolox_ela.network.class_rows import require_names
from yolox_ela.recipe import Recipe, current_settings

# Settings that all versions of this package save.
NEEDED = ("name", "classes", "image_size", "epochs", "seed", "train_sets")
# Settings that build the network before anything else checks them.
OF_NETWORK = {"image_size", "size", "attention", "sites"}
ANNOTATIONS = get_type_hints(Recipe, include_extras=True)


class Entry(NamedTuple):
    """The rule for an entry's value.

    Attributes:
        holds: returns whether a value is valid.
        what: description of valid values, for messages.
    """

    holds: Callable[[Any], bool]
    what: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(_is_number(number) and 0 <= number < math.inf for number in value)
    )


def _is_digest(value: Any) -> bool:
    return _is_text(value) and re.fullmatch("([0-9a-f]{64})?", value) is not None


def _are_scores(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(name) and (score is None or _is_number(score)) for name, score in value.items()
    )


def _are_sums(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(sums, list) and all(map(_is_number, sums)) for sums in value
    )


TEXT = Entry(_is_text, "text")
COUNT = Entry(_is_count, "a whole number that is not negative")
MAPPING = Entry(lambda value: isinstance(value, Mapping), "a mapping")
TENSORS = Entry(lambda value: isinstance(value, Mapping), "a state dict")
VALUE_RANGE = Entry(_is_range, "two numbers that are not negative: what is white, see ValueRange")
# Entries of the checkpoints and states that runs write; see `Training`.
OF_RUNS = {
    "experiment": TEXT,
    "package_experiment": TEXT,
    "epoch": COUNT,
    "metrics": Entry(_are_scores, "a mapping of names to numbers"),
    "start": TEXT,
    "start_sha256": Entry(_is_digest, "a SHA-256 of 64 hexadecimal digits, or empty"),
    "train_images": COUNT,
    "train_data": TEXT,
    "test_data": TEXT,
    "weights": TEXT,
    "commit": TEXT,
}
# Further entries of a state, and those of them that the first versions wrote, too.
OF_STATES = {
    "model": TENSORS,
    "ema": TENSORS,
    "ema_updates": COUNT,
    "optimizer": MAPPING,
    "progress": MAPPING,
    "loss_sums": Entry(_are_sums, "a list of numbers for each process"),
    "threads": COUNT,
}
NEEDED_TO_RESUME = (
    "model", "ema", "ema_updates", "optimizer", "scaler", "progress", "train_data",
)  # fmt: skip


def checked_entries(content: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """Check the entries of a checkpoint, and return its content.

    In the result, class names are in the entry `classes`, also if the file has them in its recipe
    only, and the recipe has the current names of its settings.

    Args:
        content: content of the file.
        source: path of the file, for messages.

    Raises:
        UserError: an entry has an invalid value.
    """
    content = dict(content)
    if "value_range" in content:
        _require(content, "value_range", VALUE_RANGE, source)
    if "classes" in content:
        content["classes"] = require_names(content["classes"], source)
    if "recipe" not in content:
        return content
    content["recipe"] = _settings(content["recipe"], source)
    if "classes" not in content:
        content["classes"] = list(content["recipe"]["classes"])
    for name in OF_RUNS.keys() & content.keys():
        _require(content, name, OF_RUNS[name], source)
    return content


def require_state(content: Mapping[str, Any], source: Path) -> None:
    """Check that a file is the state of a run, so that the run can be resumed.

    Args:
        content: content of the file, as `checked_entries` returns it.
        source: path of the file, for messages.

    Raises:
        UserError: an entry is missing or has an invalid value.
    """
    missing = [name for name in ("recipe", *NEEDED_TO_RESUME) if name not in content]
    if missing:
        raise UserError(
            f"{source} is not the state of a run: it has no {', '.join(missing)}; put the run's "
            "own state.pth back, or start a new run from its weights (-c last.pth)"
        )
    for name in OF_STATES.keys() & content.keys():
        _require(content, name, OF_STATES[name], source)


def _settings(recipe: Any, source: Path) -> dict[str, Any]:
    """The checked settings of a run; those of `Recipe` have its types, others have any type."""
    advice = "if this package did not write it, take it out and save the file again"
    if not isinstance(recipe, Mapping) or not all(map(_is_text, recipe)):
        raise UserError(
            f"{source}: its entry 'recipe' must be a mapping of a run's settings, not "
            f"{_shown(recipe)}; {advice}"
        )
    missing = [name for name in NEEDED if name not in recipe]
    if missing:
        raise UserError(
            f"{source}: its entry 'recipe' lacks {', '.join(missing)}, which every run of this "
            f"package saves; {advice}"
        )
    for field in fields(Recipe):
        default = getattr(Recipe, field.name)
        if field.name == "image_size":  # one number or two: only its own rule tells
            continue
        if field.name in recipe and not _is_like(recipe[field.name], default):
            raise UserError(
                f"{source}: its entry 'recipe' has {field.name} = {_shown(recipe[field.name])}, "
                f"where a value such as {default!r} belongs; {advice}"
            )
    for name in OF_NETWORK & recipe.keys():
        value = tuple(recipe[name]) if isinstance(recipe[name], list) else recipe[name] or None
        if said := complaint(value, ANNOTATIONS[name]):
            raise UserError(
                f"{source}: its entry 'recipe' has {name} = {_shown(recipe[name])}, which {said}; "
                f"{advice}"
            )
    settings = current_settings(recipe)
    require_names(settings["classes"], source, "'recipe', classes,")
    return settings


def _is_like(value: Any, default: Any) -> bool:
    """Whether a setting has the type of its default."""
    if isinstance(default, tuple):
        same = isinstance(value, (list, tuple)) and (len(value) > 0 or not default)
        item = default[0] if default else ""  # names of modules are what may be empty
        return same and all(_is_like(entry, item) for entry in value)
    if default is None:  # attention, as text
        return isinstance(value, str)
    if isinstance(default, (bool, str)):
        return isinstance(value, type(default))
    if isinstance(default, int):
        return isinstance(value, int) and not isinstance(value, bool)
    return _is_number(value) and math.isfinite(value)


def _require(content: Mapping[str, Any], name: str, entry: Entry, source: Path) -> None:
    if not entry.holds(content[name]):
        raise UserError(
            f"{source}: its entry '{name}' must be {entry.what}, not {_shown(content[name])}; get "
            "the file again, or take the entry out and save it anew"
        )


def _shown(value: Any) -> str:
    """The text of a value for an error message, shortened if necessary."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
