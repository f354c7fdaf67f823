"""`--fields`: the recipe's fields with their defaults and meaning, read from recipe.py."""

import argparse
import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from yolox_ela import recipe
from yolox_ela.recipe import Recipe


class ShowFields(argparse.Action):
    """Prints the fields and ends the program, as --help does."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print the list."""
        print(fields_text())
        parser.exit()


def fields_text() -> str:
    """Each field as `name = default`, its meaning below it, in the sections of recipe.py."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    source = inspect.getsource(recipe)
    lines = source.splitlines()
    (kind,) = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == Recipe.__name__
    ]
    defaults = Recipe()
    for node, after in zip(kind.body, [*kind.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if section := re.fullmatch(r" +# (\w+)", lines[node.lineno - 2]):
            yield f"\n{section[1]}\n"
        name = node.target.id
        yield f"  {name} = {_as_typed(getattr(defaults, name))}"
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
            yield textwrap.fill(text, 92, initial_indent="      ", subsequent_indent="      ")


def _as_typed(value: Any) -> str:
    """A value as one writes it on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else f"{value}"
