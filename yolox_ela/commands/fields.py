"""`--fields`: the recipe's fields with their defaults, rules and meaning."""

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from yolox_ela.field_rules import describe_fields
from yolox_ela.recipe import Recipe


class ShowFields(argparse.Action):
    """Prints the fields and ends the program, as --help does."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print the list."""
        print("\n".join(fields_text()))
        parser.exit()


def fields_text() -> Iterator[str]:
    """Lines with each field as `name = default` and its rule, its meaning below it, by section."""
    section = ""
    for field in describe_fields(Recipe):
        if field.section != section:
            section = field.section
            yield f"\n{section}\n"
        yield f"  {field.name} = {_as_typed(field.default)}  ({field.rule})"
        if field.meaning:
            indent = " " * 6
            yield textwrap.fill(field.meaning, 92, initial_indent=indent, subsequent_indent=indent)


def _as_typed(value: Any) -> str:
    """A value as one writes it on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if value is None or isinstance(value, bool) else f"{value}"
