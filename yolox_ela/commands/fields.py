"""`--fields`: the fields of a recipe with their defaults, rules and meaning."""

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from yolox_ela.field_rules import describe_fields
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import RunSettings, setting_fields


class ShowFields(argparse.Action):
    """Prints the fields and ends the program, as --help does.

    With an experiment, which stands before it among the arranged words, they are those of its
    recipe, and the values are the experiment's.
    """

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: Any
    ) -> None:
        """Print the list."""
        print("\n".join(fields_text(_experiment(getattr(namespace, "experiment", None)))))
        parser.exit()


def _experiment(given: Path | None) -> RunSettings | None:
    if given is None:
        return None
    from yolox_ela.experiment import load_trainable  # it imports torch

    return load_trainable(given)


def fields_text(experiment: RunSettings | None = None) -> Iterator[str]:
    """Lines with each field as `name = value` and its rule, its meaning below it, by section.

    Args:
        experiment: gives the recipe and the values; by default YOLOX's recipe and its defaults.
    """
    kind = Recipe if experiment is None or isinstance(experiment, Recipe) else type(experiment)
    settings = {field.name for field in setting_fields(kind)}
    section = ""
    for field in describe_fields(kind):
        if field.name not in settings:
            continue
        if field.section != section:
            section = field.section
            yield f"\n{section}\n"
        value = field.default if experiment is None else getattr(experiment, field.name)
        yield f"  {field.name} = {_as_typed(value)}  ({field.rule})"
        if field.meaning:
            indent = " " * 6
            yield textwrap.fill(field.meaning, 92, initial_indent=indent, subsequent_indent=indent)


def _as_typed(value: Any) -> str:
    """A value as one writes it on the command line; what builds a module by its name."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if callable(value):
        function = getattr(value, "func", value)  # of a functools.partial
        return getattr(function, "__name__", str(function))
    return str(value).lower() if value is None or isinstance(value, bool) else f"{value}"
