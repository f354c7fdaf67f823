"""The file of a study: which runs answer its question.

    [study]
    question = "Does ELA-S raise the AP of YOLOX-Nano?"
    baseline = "nano"
    seeds = [0, 1, 2]
    start = "coco"

    [methods.nano]

    [methods.neck]
    exp = "nano_ela_s"
    sites = ["C3_p4", "C3_p3", "C3_n3", "C3_n4"]

    [recipes.short]
    base = "tuned"
    epochs = 2

    [data.voc2007]
    train_sets = ["2007/trainval"]
    test_sets = ["2007/test"]

Every method is trained by every recipe on all data with every seed. Reading it imports no torch.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from yolox_ela.choices import DEFAULT_START, DETECTOR, START_NAMES
from yolox_ela.errors import UserError
from yolox_ela.exp_file import find_experiment
from yolox_ela.named_recipes import RECIPES
from yolox_ela.overrides import did_you_mean, override
from yolox_ela.recipe import Recipe
from yolox_ela.recipe_rules import FOLDER_NAME
from yolox_ela.schema import MOST
from yolox_ela.study.study_parts import Settings, Study, located
from yolox_ela.system.files import is_file, is_folder, read_text

ZERO_SHOT = "zero-shot"  # the name of the start without any training
RANDOM_START = "none"  # as `train -c` says it
LARGEST_SEED = 2**32 - 1  # of numpy
SECTIONS = ("study", "methods", "recipes", "data", "beside")
# Recipe fields that have a place of their own in the file, or none.
OF_SETS, OF_CLASSES = ("train_sets", "test_sets", "val_fraction"), ("classes", "other_classes")
OF_DATA = (*OF_SETS, *OF_CLASSES, "xml_counts_from")
ELSEWHERE = {
    "seed": "the seeds are those of [study]",
    "name": "a method is called as its section",
    "quick": "give --quick to the command",
    "overfit": "it is a trial of a single run",
    **dict.fromkeys(OF_DATA, "it belongs to [data.NAME]"),
}


def read_study(path: Path) -> Study:
    """Read a study's file and check all that can be checked without torch and data.

    Raises:
        UserError: the file is missing or no TOML, or says what cannot be run; names the section.
    """
    if is_folder(path):
        path = path / "study.toml"
    try:
        content = tomllib.loads(read_text(path, "utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(f"no study at {path}; docs/studies.md shows how to write one") from error
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no TOML, or no UTF-8
        raise UserError(f"{path} cannot be read as TOML: {error}") from error
    try:
        return _study(path, content)
    except (UserError, argparse.ArgumentTypeError) as error:
        raise UserError(f"{path}, {error}") from error


def _study(path: Path, content: Mapping[str, Any]) -> Study:
    _require_known(content, SECTIONS, "the file", "section")
    head = _table(content, "study")
    allowed = ("question", "baseline", "seeds", "start", "time_limit")
    _require_known(head, allowed, "[study]", "setting")
    texts = {name: _text_of(head, name) for name in allowed if name != "seeds"}
    methods = _settings(content, "methods", ("exp",), path)
    recipes = _settings(content, "recipes", ("base",), path) or (Settings("paper"),)
    data = _settings(content, "data", ("name",), path) or (Settings("data"),)
    beside = _settings(content, "beside", ("exp", "weights"), path)
    if not methods:
        raise UserError("it has no [methods.NAME]: name at least one method")
    names = [method.name for method in methods]
    for one in beside:
        for key, what in (("weights", "a file of weights"), ("exp", "their experiment")):
            if not getattr(one, key):
                raise UserError(f"[beside.{one.name}]: {key} is missing; name {what}")
        if one.name in names:
            raise UserError(f"[beside.{one.name}] is called as a method; give it another name")
    if texts["baseline"] not in names:
        hint = did_you_mean(texts["baseline"], names)
        raise UserError(
            f"[study]: baseline = '{texts['baseline']}' is none of the methods "
            f"({', '.join(names)}){'; ' if hint else ''}{hint}"
        )
    for method in methods:
        for recipe in recipes:
            both = sorted(method.fields.keys() & recipe.fields.keys())
            if both:
                raise UserError(
                    f"'{both[0]}' is stated by [methods.{method.name}] and by "
                    f"[recipes.{recipe.name}]: state it in one of them"
                )
    return Study(
        path=path,
        question=texts["question"],
        baseline=texts["baseline"],
        seeds=_seeds(head.get("seeds")),
        start=_weights(texts["start"] or DEFAULT_START, path, "[study]: start"),
        time_limit=texts["time_limit"],
        methods=methods,
        recipes=recipes,
        data=data,
        beside=beside,
    )


def _settings(
    content: Mapping[str, Any], section: str, own: tuple[str, ...], path: Path
) -> tuple[Settings, ...]:
    """The sections `[SECTION.NAME]`, each with settings of its own and recipe fields."""
    return tuple(
        _one(section, name, values, own, path) for name, values in _table(content, section).items()
    )


def _one(section: str, name: str, values: Any, own: tuple[str, ...], path: Path) -> Settings:
    where = f"[{section}.{name}]"
    if not isinstance(values, dict):
        raise UserError(f"[{section}]: '{name}' must be a section of its own, as in {where}")
    if not FOLDER_NAME.holds(name) or name == ZERO_SHOT:
        raise UserError(f"{where}: the name must be {FOLDER_NAME.words}, and not '{ZERO_SHOT}'")
    texts = {key: _text_of(values, key, where) for key in own}
    fields = {key: as_word(value, where, key) for key, value in values.items() if key not in own}
    for key in fields:
        if key in ELSEWHERE and not (section == "data" and key in OF_DATA):
            raise UserError(f"{where}: '{key}' has no place here: {ELSEWHERE[key]}")
        if section == "data" and key not in OF_DATA:
            raise UserError(
                f"{where}: '{key}' is no setting of data: {', '.join((*own, *OF_DATA))}"
            )
    try:
        override(Recipe(), fields).validate()
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    exp, weights = texts.get("exp", ""), texts.get("weights", "")
    if "exp" in own and not (section == "beside" and not exp):
        exp = _experiment(exp or name, path, where)
    base = texts.get("base") or Settings.base
    if base not in RECIPES:
        hint = did_you_mean(base, RECIPES)
        raise UserError(f"{where}: there is no recipe '{base}'; {hint or ', '.join(RECIPES)}")
    if weights:
        weights = _weights(weights, path, f"{where}: weights")
    return Settings(name, fields, exp, base, weights, texts.get("name", ""))


def _experiment(given: str, path: Path, where: str) -> str:
    """The experiment of a method, which there must be."""
    try:
        find_experiment(located(given, path))
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    return given


def _weights(given: str, path: Path, where: str) -> str:
    """Weights by name or file, which there must be."""
    names = (*START_NAMES, DETECTOR)
    file = path.parent / given
    if given not in (*names, RANDOM_START) and not is_file(file):
        raise UserError(
            f"{where}: there is no file {file}; give a file of weights, or {', '.join(names)}"
        )
    return given


def _seeds(given: Any) -> tuple[int, ...]:
    right = isinstance(given, list) and all(
        isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= LARGEST_SEED
        for seed in given
    )
    if not right or not given:
        raise UserError("[study]: seeds must be a list of whole numbers, as in seeds = [0, 1, 2]")
    twice = sorted(seed for seed, times in Counter(given).items() if times > 1)
    if twice:
        raise UserError(f"[study]: seed {twice[0]} is named twice, which would be one run")
    return tuple(given)


def _table(content: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    found = content.get(section, {})
    if not isinstance(found, dict):
        raise UserError(f"'{section}' must be a section, as in [{section}]")
    return found


def _text_of(values: Mapping[str, Any], key: str, where: str = "[study]") -> str:
    found = values.get(key, "")
    if not isinstance(found, str) or "\0" in found:
        raise UserError(f"{where}: {key} must be a text in quotes, without zero bytes")
    return found


def _require_known(found: Mapping[str, Any], known: Collection[str], where: str, what: str) -> None:
    for name in found:
        if name not in known:
            hint = did_you_mean(name, known) or f"it may have {', '.join(known)}"
            raise UserError(f"{where} has no {what} '{name}'; {hint}")


def as_word(value: Any, where: str, key: str) -> str:
    """A value of the file as the command line takes it: a list with commas between."""
    if isinstance(value, bool):
        return str(value).lower()
    if _is_plain(value):
        return str(value)
    if isinstance(value, list) and all(map(_is_plain, value)):
        # The comma behind a single name says that it is no file of names.
        return ",".join(map(str, value)) + ("," if len(value) == 1 else "")
    raise UserError(f"{where}: {key} must be a text, a number, true, false, or a list of these")


def _is_plain(value: Any) -> bool:
    """Whether a value can be a word of a command line."""
    if isinstance(value, str):
        return "\0" not in value
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= MOST)
