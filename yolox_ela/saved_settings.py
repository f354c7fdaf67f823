"""The settings that a file records of a run: checked by the rules of the recipe."""

import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from yolox_ela.errors import UserError
from yolox_ela.field_rules import complaint
from yolox_ela.recipe import Recipe, current_settings
from yolox_ela.schema import ANYTHING, TEXT, fault, listed, mapped, shown
from yolox_ela.system.files import is_file

# Settings that all versions of this package save.
NEEDED = ("name", "classes", "image_size", "epochs", "seed", "train_sets")
ANNOTATIONS = get_type_hints(Recipe, include_extras=True)


def may_be_of_other_network(weights: str | Path | None) -> bool:
    """Whether a file of weights may be of a run that trained another network than YOLOX.

    Reads only what torch.save keeps beside the tensors: the settings of such a run have a `task`.
    """
    if weights is None or not is_file(Path(weights)):
        return False
    try:
        with zipfile.ZipFile(weights) as file:
            names = [name for name in file.namelist() if name.endswith("/data.pkl")]
            return any(b"task" in file.read(name) for name in names)
    except MemoryError:
        raise
    except Exception:  # of many kinds; whoever reads the whole file then says that it is damaged
        return False


def checked_settings(saved: Any, source: Path, entry: str, remedy: str) -> dict[str, Any]:
    """The settings under their present names; those of `Recipe` follow its rules, others may be
    anything.

    Args:
        saved: what the file holds.
        source: path of the file, for messages.
        entry: what the settings are in it, as in `its entry 'recipe'`.
        remedy: what to do if they are none.

    Raises:
        UserError: they are no mapping, or a setting is missing or has an invalid value.
    """
    if fault(saved, mapped(ANYTHING)):
        raise UserError(
            f"{source}: {entry} must be a mapping of a run's settings, not {shown(saved)}; {remedy}"
        )
    if "task" in saved:  # of another network than YOLOX; its own recipe checks them
        return dict(saved) | {"classes": saved.get("classes")}
    missing = [name for name in NEEDED if name not in saved]
    if missing:
        raise UserError(
            f"{source}: {entry} lacks {', '.join(missing)}, which every run of this package saves; "
            f"{remedy}"
        )
    settings = current_settings(saved)
    for name in (field.name for field in fields(Recipe) if field.name in settings):
        if said := _complaint(name, settings[name]):
            value = shown(saved[name])
            raise UserError(f"{source}: {entry} has {name} = {value}, which {said}; {remedy}")
    return settings


def require_names(classes: Any, source: Path, entry: str = "'classes'") -> list[str]:
    """Check that an entry of a checkpoint is a list of distinct class names, and return it.

    Args:
        classes: the value of the entry.
        source: path of the file, for messages.
        entry: name of the entry, for messages.

    Raises:
        UserError: the value is something else.
    """
    if fault(classes, listed(TEXT)) or not classes:
        raise UserError(
            f"{source}: its entry {entry} must be a list of class names in the order of its "
            f"class predictors, not {shown(classes)}"
        )
    names = list(classes)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(f"{source}: its entry {entry} has {', '.join(twice)} twice")
    return names


def _complaint(name: str, value: Any) -> str:
    if name == "name" and value == "":  # of a recipe that no file defines
        return ""
    if name == "attention":  # as text, which is empty for an attention that has none
        if not isinstance(value, str):
            return "must be text"
        value = value or None
    return complaint(tuple(value) if isinstance(value, list) else value, ANNOTATIONS[name])
