"""What the body of an experiment's class may set, and how it takes effect."""

import inspect
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.input_size import one_form


def apply_body(kind: type[Any], root: type[Any]) -> None:
    """Make everything that the body of a class sets take effect.

    A field without a type gets its type from the recipe, since dataclasses ignore fields without
    one. A method `attention` is stored as `_attention_method`, since the field of this name would
    hide it.

    Args:
        kind: a class of experiments as its author wrote it, with `@dataclass` or without.
        root: the class that all experiments are instances of.

    Raises:
        UserError: the class has an `__init__`.
    """
    body, annotations = dict(vars(kind)), dict(inspect.get_annotations(kind))
    if "__init__" in body:
        raise UserError(
            f"class {kind.__name__} has an __init__, whose values no command line could change: "
            "set them in the body of the class"
        )
    if "attention" in body:
        is_method = _is_method(body["attention"])
        kind._attention_method = body["attention"] if is_method else None
        if is_method:
            kind.attention = None
    for base in reversed(kind.__mro__[1:]):
        if issubclass(base, root):
            ensure_dataclass(base)
    for name, inherited in kind.__dataclass_fields__.items():
        if name in body:
            annotations.setdefault(name, inherited.type)
            if isinstance(body[name], list):
                setattr(kind, name, tuple(body[name]))
            if name == "image_size":
                kind.image_size = one_form(body[name])
    kind.__annotations__ = annotations


def ensure_dataclass(kind: type[Any]) -> None:
    """Decorate a class that its author did not decorate; its fields would be ignored."""
    if "__dataclass_fields__" not in vars(kind):
        dataclass(kind)


def _is_method(value: Any) -> bool:
    """Whether the first argument of a function in a class is the instance, not the channels."""
    if not isinstance(value, FunctionType):
        return False
    signature = inspect.signature(value)
    if next(iter(signature.parameters), "") == "self":
        return True
    try:
        signature.bind(64)  # some number of channels
    except TypeError:
        return True
    return False
