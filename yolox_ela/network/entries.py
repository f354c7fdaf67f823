"""What a checkpoint says beside its weights: checked here, once, before anything uses it.

Foreign files may hold anything under the names that runs use, but for `classes`, `recipe` and
`value_range`, which are used wherever they stand.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from yolox_ela.errors import UserError
from yolox_ela.network.class_rows import require_names
from yolox_ela.recipe import Recipe, current_settings

# Settings that every version has saved, and that are used.
NEEDED = ("name", "classes", "image_size", "epochs", "seed", "train_sets")


class Entry(NamedTuple):
    """What an entry must be.

    Attributes:
        holds: tells whether a value is right.
        what: the right values in words.
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
# What runs write into their checkpoints and states; see `Training`.
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
# What a state has besides, and what of it the first versions wrote as well.
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
    """The content of a checkpoint, its entries known to be what they are used as.

    Class names stand under `classes`; a run's state says them in its recipe alone, which counts
    where there is no such entry. The recipe comes with the present names of its settings.

    Args:
        content: of the file.
        source: the file, for messages.

    Raises:
        UserError: an entry is something else.
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
    """Make sure that a file is the state of a run, which can be resumed.

    Args:
        content: of the file, as `checked_entries` gives it.
        source: the file, for messages.

    Raises:
        UserError: something is missing or something else.
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
    """The settings of a run; those of `Recipe` have its types, an experiment's own have any."""
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
        if field.name in recipe and not _is_like(recipe[field.name], default):
            raise UserError(
                f"{source}: its entry 'recipe' has {field.name} = {_shown(recipe[field.name])}, "
                f"where a value such as {default!r} belongs; {advice}"
            )
    settings = current_settings(recipe)
    require_names(settings["classes"], source, "'recipe', classes,")
    return settings


def _is_like(value: Any, default: Any) -> bool:
    """Whether a setting is of its default's type."""
    if isinstance(default, tuple):
        same = isinstance(value, (list, tuple)) and len(value) > 0
        return same and all(_is_like(item, default[0]) for item in value)
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
    """A value in an error message, which may be as long as a network."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
