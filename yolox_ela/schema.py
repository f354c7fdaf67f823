"""What the content of a file must be: kinds of plain values, put together, and one check.

    ROW = record({"epoch": COUNT}, optional={"lr": FINITE})
    require(content, listed(ROW), path, "get the file again")

The error names the file, the entry inside it (`progress.history[0].epoch`), and the remedy.
"""

import math
import re
import reprlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError

MOST = 2**63 - 1  # the largest whole number that arrays and files hold
MISSING = object()
DEEPEST = 40  # levels of containers; no file of this package has more than seven

Part = tuple[str, Any, "Kind"]


def _no_parts(value: Any) -> Iterator[Part]:
    return iter(())


@dataclass(frozen=True)
class Kind:
    """What a value must be.

    Attributes:
        words: the rule as it follows "must be".
        holds: whether a value is right, apart from its parts.
        parts: the values inside it: how each is reached (`.name` or `[0]`), itself, and its kind.
    """

    words: str
    holds: Callable[[Any], bool]
    parts: Callable[[Any], Iterator[Part]] = _no_parts


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _is_digest(value: Any) -> bool:
    return _is_text(value) and re.fullmatch("([0-9a-f]{64})?", value) is not None


ANYTHING = Kind("anything", lambda value: True)
TEXT = Kind("text", _is_text)
COUNT = Kind("a whole number that is not negative", lambda v: _is_whole(v) and v >= 0)
NUMBER = Kind("a number", _is_number)
FINITE = Kind("a finite number", lambda value: _is_number(value) and math.isfinite(value))
AMOUNT = Kind(
    "a number that is not negative", lambda value: _is_number(value) and 0 <= value < math.inf
)
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
DIGEST = Kind("a SHA-256 of 64 hexadecimal digits, or empty", _is_digest)
UNKNOWN = Kind("left out, since this version does not know it", lambda value: False)


def choice(names: Collection[str]) -> Kind:
    """One of some texts."""
    return Kind(f"one of {', '.join(names)}", lambda value: _is_text(value) and value in names)


def optional(kind: Kind) -> Kind:
    """The kind, or None."""
    return Kind(
        f"{kind.words}, or nothing",
        lambda value: value is None or kind.holds(value),
        lambda value: _no_parts(value) if value is None else kind.parts(value),
    )


def listed(kind: Kind, length: int | None = None, words: str = "") -> Kind:
    """A list or tuple whose items are all of a kind.

    Args:
        kind: the kind of the items.
        length: their number, if it is fixed.
        words: the rule for messages, if it can be said better.
    """
    return Kind(
        words or ("a list" if length is None else f"a list of {length}"),
        lambda value: isinstance(value, (list, tuple)) and length in (None, len(value)),
        lambda value: ((f"[{i}]", item, kind) for i, item in enumerate(value)),
    )


def mapped(kind: Kind, words: str = "a mapping of names", *, keys: type = str) -> Kind:
    """A mapping whose values are all of a kind."""
    return Kind(
        words,
        lambda value: isinstance(value, Mapping) and all(type(key) is keys for key in value),
        lambda value: ((f".{key}", item, kind) for key, item in value.items()),
    )


def record(
    needed: Mapping[str, Kind],
    *,
    optional: Mapping[str, Kind] | None = None,
    others: Kind = ANYTHING,
    words: str = "a mapping of names",
) -> Kind:
    """A mapping with entries of a kind each.

    Args:
        needed: the entries that must be there.
        optional: those that may be missing.
        others: the kind of entries with other names.
        words: the rule for messages, if it can be said better.
    """
    kinds = {**needed, **(optional or {})}

    def parts(value: Mapping[str, Any]) -> Iterator[Part]:
        for name in needed:
            if name not in value:
                yield f".{name}", MISSING, kinds[name]
        for name, item in value.items():
            yield f".{name}", item, kinds.get(name, others)

    return Kind(words, mapped(ANYTHING).holds, parts)


def fault(value: Any, kind: Kind, name: str = "") -> str:
    """What is wrong with a value, as a clause that names the entry; empty if nothing is.

    Args:
        value: the value.
        kind: what it must be.
        name: how the value is reached in its file; empty for the whole content.
    """
    stack: list[tuple[str, Any, Kind]] = [(name, value, kind)]
    while stack:  # without recursion, which a file could drive too deep
        path, one, wanted = stack.pop()
        if path.count(".") + path.count("[") > DEEPEST:
            return f"its entry {shown(path)} lies too deep in it"
        said = f"its entry '{path.lstrip('.')}'" if path else "its content"
        if one is MISSING:
            return f"{said} is missing, which must be {wanted.words}"
        if not wanted.holds(one):
            return f"{said} must be {wanted.words}, not {shown(one)}"
        stack += [(path + part, item, inner) for part, item, inner in wanted.parts(one)][::-1]
    return ""


def require(value: Any, kind: Kind, source: Path, remedy: str, name: str = "") -> None:
    """Raise UserError unless a file's content, or its entry `name`, is of a kind."""
    if said := fault(value, kind, name):
        raise UserError(f"{source}: {said}; {remedy}")


def shown(value: Any) -> str:
    """A value for an error message, shortened if necessary."""
    try:
        text = _REPR.repr(value)
    except Exception:  # a whole number of thousands of digits, or whatever a file may hold
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60
