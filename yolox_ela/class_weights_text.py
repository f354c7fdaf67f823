"""Weights of classes as text: `none`, `balanced`, or weights by name as in `boat:2,person:0.5`."""

import math

from yolox_ela.errors import UserError

NONE, BALANCED = "none", "balanced"
FORM = "none, balanced, or weights above 0 by class, all different, as in boat:2,person:0.5"


def parse_weights(text: str) -> dict[str, float]:
    """`"boat:2,person:0.5"` -> `{"boat": 2.0, "person": 0.5}`.

    Raises:
        UserError: the text has another form, a weight is not above 0, or a name occurs twice.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.rpartition(":"))
        try:
            weight = float(number)
        except ValueError:
            weight = 0.0
        if not name or name in weights or not 0 < weight < math.inf:
            raise UserError(f"class_weights {text}: '{part.strip()}' is none of {FORM}")
        weights[name] = weight
    return weights


def is_class_weights(text: str) -> bool:
    """Whether a text is `none`, `balanced`, or weights by name."""
    if text in (NONE, BALANCED):
        return True
    try:
        parse_weights(text)
    except UserError:
        return False
    return True
