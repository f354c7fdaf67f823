"""Recipe fields from the command line: found by name, read by type."""

import dataclasses
import difflib
import math
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from yolox_ela.attention_text import Recorded, parse_attention
from yolox_ela.errors import UserError
from yolox_ela.field_rules import TYPE_WORDS
from yolox_ela.foreign_names import answer
from yolox_ela.input_size import FORM as IMAGE_SIZE_FORM
from yolox_ela.input_size import parse_image_size
from yolox_ela.recipe import current_settings
from yolox_ela.run_settings import RunSettings, setting_fields
from yolox_ela.system.files import is_file, read_text

RecipeType = typing.TypeVar("RecipeType", bound=RunSettings)


def override(recipe: RecipeType, values: Mapping[str, Any]) -> RecipeType:
    """A copy of the recipe with fields replaced; strings are read by the field's type.

    A tuple is written with commas (`mosaic_scale 0.8,1.2`); `classes` may also name a text file
    with one class per line. An empty `attention` leaves that of the experiment.

    Another size, attention or list of sites enters the name, if no name is among the values; see
    `Recipe.network_suffix`.

    Raises:
        UserError: an unknown field (with the nearest names) or a value of the wrong type.
    """
    types = typing.get_type_hints(type(recipe))
    fields = {f.name for f in setting_fields(recipe)}
    parsed = {}
    for name, value in values.items():
        if name not in fields:
            hint = answer(name) or did_you_mean(name, fields)
            raise UserError(
                f"the recipe has no field '{name}'; {hint or 'train --fields lists those it has'}"
            )
        if name in ("attention", "network") and value == "":
            continue
        parsed[name] = _parse(name, value, types[name]) if isinstance(value, str) else value
    changed: RecipeType = dataclasses.replace(recipe, **parsed)
    before, after = recipe.network_suffix(), changed.network_suffix()
    if "name" not in parsed and before != after:
        changed.name = recipe.name.removesuffix(before) + after
    return changed


def recorded_settings(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from a file as a recipe has them: tuples for lists, values by their present names,
    and attention's text marked as a file's word, so that no file in it is run.
    """
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()}
    if settings.get("attention"):
        settings["attention"] = Recorded(settings["attention"])
    if settings.get("network"):
        settings["network"] = Recorded(settings["network"])
    return current_settings(settings)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """The known names that are nearest to an unknown one, as a question; empty if none is near."""
    # A low cutoff: "learning_rate" is far from every name as a whole.
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else ""


def pairs_to_dict(words: Sequence[str]) -> dict[str, str]:
    """`["lr", "0.01", "seed=1"]` -> `{"lr": "0.01", "seed": "1"}`.

    Raises:
        UserError: a field without a value, or given twice.
    """
    pairs: dict[str, str] = {}
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not equals:
            if not rest:
                hint = answer(name)
                if not hint and name.isdigit():
                    hint = "numbers of one field are joined by commas, as in image_size 480,640"
                if not hint and "/" in name:
                    hint = f"a folder or file of data is named by its option: --data {name}"
                raise UserError(
                    f"recipe fields come in pairs of field and value, but '{name}' has no value"
                    + (f"; {hint}" if hint else "")
                )
            value = rest.pop(0)
        if name in pairs:
            raise UserError(
                f"recipe field '{name}' is given twice (an option that sets it counts too); leave "
                "one of them out"
            )
        pairs[name] = value
    return pairs


def _parse(name: str, text: str, kind: Any) -> Any:
    """`text` as a value of type `kind`."""
    if kind is str or name == "network":
        return text
    if name == "freeze" and text == "none":
        return ()
    if name == "attention":
        return type(text)(parse_attention(text))
    if name == "classes":
        return _classes(text)
    try:
        if name == "image_size":
            return parse_image_size(text)
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind is int:
            return int(text)
        if kind is float:
            return _finite(text)
        items = typing.get_args(kind)
        words = [word.strip() for word in text.strip("()[] ").split(",") if word.strip()]
        if items[-1] is Ellipsis:
            return tuple(map(_finite, words)) if items[0] is float else tuple(words)
        if len(words) != len(items):
            raise ValueError(text)
        return tuple(_finite(word) for word in words)
    except (ValueError, KeyError) as error:
        numbers = f"{len(typing.get_args(kind))} numbers with commas between"
        wanted = IMAGE_SIZE_FORM if name == "image_size" else TYPE_WORDS.get(kind, numbers)
        raise UserError(f"recipe field '{name}' takes {wanted}, not '{text}'") from error


def _classes(text: str) -> tuple[str, ...]:
    """Class names from a text file, one a line, or from a list with commas."""
    if "," in text:
        words = text.split(",")
    elif is_file(Path(text)):
        try:
            words = read_text(Path(text), "utf-8-sig").splitlines()
        except OSError as error:
            raise UserError(f"cannot read the class names in {text}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{text} is not UTF-8 text; save it as UTF-8") from error
    elif Path(text).suffix or "/" in text or "\\" in text:
        raise UserError(f"no file of class names at {text}")
    else:
        words = [text]
    return tuple(word.strip() for word in words if word.strip())


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number
