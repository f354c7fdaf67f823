"""Rules that a setting states in its annotation, beside its default and its meaning.

    lr: Annotated[float, above(0)] = 0.02
    \"\"\"Initial learning rate.\"\"\"

The type is a rule too: a float must be finite, `True` is no number, `320.0` no whole number.
"""

import ast
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

TYPE_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Rule:
    """What the value of a setting must be.

    Attributes:
        words: the rule as it follows "must be", for messages and help.
        holds: whether a value, which has the setting's type, follows the rule.
        renamed: values that earlier versions called otherwise, with what they are called now.
    """

    words: str
    holds: Callable[[Any], bool]
    renamed: Mapping[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """A setting for a reader.

    Attributes:
        section: the heading that it stands under, empty above the first one.
        name: the setting's name.
        default: its value where nothing is said.
        rule: what its value must be, in words that follow "must be".
        meaning: what it does.
    """

    section: str
    name: str
    default: Any
    rule: str
    meaning: str


def at_least(low: float, *, below: float | None = None) -> Rule:
    """`low` or more; with `below`, less than that."""
    if below is None:
        return Rule(f"at least {low:,}", lambda value: value >= low)
    return Rule(f"at least {low:,} and less than {below:,}", lambda value: low <= value < below)


def above(low: float) -> Rule:
    """More than `low`."""
    return Rule(f"greater than {low:,}", lambda value: value > low)


def between(low: float, high: float) -> Rule:
    """From `low` to `high`, both included."""
    return Rule(f"between {low:,} and {high:,}", lambda value: low <= value <= high)


def one_of(*choices: str, renamed: Mapping[Any, Any] | None = None) -> Rule:
    """One of two or more choices; see `Rule` for `renamed`."""
    words = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return Rule(words, lambda value: value in choices, renamed or {})


def rules_of(kind: Any) -> list[Rule]:
    """The rules in an annotation `Annotated[type, rule, ...]`; none in a plain type."""
    return [rule for rule in getattr(kind, "__metadata__", ()) if isinstance(rule, Rule)]


def without_rules(kind: Any) -> Any:
    """The type in an annotation."""
    return kind.__origin__ if hasattr(kind, "__metadata__") else kind


def complaint(value: Any, kind: Any) -> str:
    """What is wrong with a value, as it follows "setting = value"; empty if nothing is.

    Args:
        value: any value at all.
        kind: the setting's annotation; other types than those of `TYPE_WORDS`, these or None, and
            tuples of them are not checked. None, where it is allowed, need not follow the rules.
    """
    rules, plain = rules_of(kind), without_rules(kind)
    for rule in rules:
        if isinstance(value, (str, bool)) and value in rule.renamed:
            return f"is now called {rule.renamed[value]}"
    if not _has_type(value, plain):
        return f"must be {_type_words(plain)}"
    if value is None or all(rule.holds(value) for rule in rules):
        return ""
    return f"must be {_words(rules)}"


def describe_fields(kind: type) -> list[Description]:
    """The fields of a dataclass in their order, with what its source says of them.

    Args:
        kind: a dataclass whose fields have defaults, annotations as `complaint` reads them,
            docstrings below them, and above the first of a section a comment that names it. Its
            base classes' fields come first, but for those that it states itself.
    """
    found: dict[str, Description] = {}
    for base in reversed([base for base in kind.__mro__ if "__dataclass_fields__" in vars(base)]):
        own = {one.name: one for one in _own_fields(base, kind)}
        found = {name: one for name, one in found.items() if name not in own} | own
    return list(found.values())


def _own_fields(kind: type, described_class: type) -> list[Description]:
    """The fields that the source of one class states, with the defaults of the class described."""
    hints, section = get_type_hints(kind, include_extras=True), ""
    source = inspect.getsource(sys.modules[kind.__module__])
    (body,) = [
        node.body
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    ]
    names = {field.name for field in fields(kind)}
    lines, described = source.splitlines(), []
    for statement, following in itertools.pairwise([*body, None]):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        name = statement.target.id
        if name not in names:  # a ClassVar
            continue
        if comment := re.fullmatch(r" +# (.+)", lines[statement.lineno - 2]):
            section = comment[1]
        rule = _words(rules_of(hints[name])) or _type_words(without_rules(hints[name]))
        described.append(
            Description(section, name, getattr(described_class, name), rule, _docstring(following))
        )
    return described


def _docstring(statement: ast.stmt | None) -> str:
    """The text of a statement that is nothing else, on one line; empty for other statements."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    text = value.value if isinstance(value, ast.Constant) else None
    return " ".join(text.split()) if isinstance(text, str) else ""


def _words(rules: Collection[Rule]) -> str:
    return " and ".join(rule.words for rule in rules)


def _type_words(kind: Any) -> str:
    if isinstance(kind, UnionType):
        return " or ".join(_type_words(one) for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is not tuple:
        return "a finite number" if kind is float else TYPE_WORDS.get(kind, f"of type {kind}")
    items = get_args(kind)
    what = {float: "finite numbers", int: "whole numbers", str: "texts"}.get(
        items[0], f"{items[0]}"
    )
    return f"a tuple of {what}" if items[-1] is Ellipsis else f"a tuple of {len(items)} {what}"


def _has_type(value: Any, kind: Any) -> bool:
    """Whether a value is of a type that recipes use; of other types, True."""
    if kind in (int, float):
        right = isinstance(value, (int, kind)) and not isinstance(value, bool)
        return right and (kind is int or abs(value) <= sys.float_info.max)  # so not NaN either
    if kind in (bool, str):
        return isinstance(value, kind)
    if isinstance(kind, UnionType):
        return any(_has_type(value, one) for one in get_args(kind))
    if kind is NoneType:
        return value is None
    if get_origin(kind) is not tuple:
        return True
    items = get_args(kind)
    if not isinstance(value, tuple) or (items[-1] is not Ellipsis and len(items) != len(value)):
        return False
    return all(_has_type(item, items[0]) for item in value)
