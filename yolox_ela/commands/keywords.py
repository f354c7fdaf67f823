"""A command's options and recipe fields as keyword arguments of a Python function."""

import argparse
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from yolox_ela.commands.parser import FIELDS, Parser
from yolox_ela.errors import UserError
from yolox_ela.exp_file import trains_other_network
from yolox_ela.foreign_names import answer
from yolox_ela.overrides import did_you_mean
from yolox_ela.saved_settings import may_be_of_other_network
from yolox_ela.schema import shown

NOT_CALLED = {"help", "fields"}  # options that print something and end the program

FUNCTIONS = {"train": "train", "eval": "evaluate"}  # of `yolox_ela.api`, by command


def read_arguments(
    parser: Parser, command: str, keywords: Mapping[str, Any] | None
) -> argparse.Namespace:
    """Parse the command line, or keyword arguments in its place.

    Args:
        parser: the command's options.
        command: its name, as in `COMMANDS`.
        keywords: options by their long spelling with _ for -, and recipe fields; True switches an
            option on, None and False leave it out. None reads sys.argv.

    Returns:
        The options; `call` is the Python call to record, empty for a command line.

    Raises:
        UserError: a name is unknown, or a value is refused as on the command line.
    """
    if keywords is None:
        args = parser.parse_args()
        args.call = ""
        return args
    function = FUNCTIONS[command]
    parser.prog = f"yolox-ela {command}"  # which --help belongs to
    words: list[str] = []
    fields: Collection[str] = FIELDS
    experiment, weights = (keywords.get(name) for name in ("experiment", "checkpoint"))
    if trains_other_network(experiment) or (not experiment and may_be_of_other_network(weights)):
        fields = set(keywords)  # its own recipe tells which of them there are
    for name, value in keywords.items():
        try:
            words += _words(parser, name, value, fields)
        except KeyError:
            raise UserError(_unknown(parser, function, name)) from None
    args = parser.parse_args(words)
    given = ", ".join(f"{name}={_plain(value)!r}" for name, value in keywords.items())
    args.call = f"{function}({given})"
    return args


def _words(parser: Parser, name: str, value: Any, fields: Collection[str]) -> Iterator[str]:
    """A keyword argument as it would be typed; KeyError if there is neither option nor field."""
    if value is None:
        return
    action = parser.options().get("--" + name.replace("_", "-"))
    is_field = parser.takes_fields() and name in fields
    # --size is another spelling of --image-size, but the field `size` is the network's.
    if is_field and (action is None or (name in FIELDS and action.dest != name)):
        yield f"{name}={_text(name, value, field=True)}"
        return
    if action is None or action.dest in NOT_CALLED:
        raise KeyError(name)
    option = action.option_strings[-1]
    if isinstance(value, bool) and action.nargs in (0, "?"):  # "?": its value may be left out
        if value:
            yield option
    elif action.nargs == 0:
        raise UserError(f"{name} is True or False, not {shown(value)}")
    elif isinstance(value, bool):
        raise UserError(f"{name} takes a value, not {value}")
    else:
        yield f"{option}={_text(name, value, field=False)}"


def _text(name: str, value: Any, *, field: bool) -> str:
    """A value as it would be typed: a list as its elements with commas between."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        if callable(value) or isinstance(value, bytes):
            raise UserError(f"{name} takes text or numbers, not {shown(value)}")
        return _typed(name, value)
    if isinstance(value, (set, frozenset, dict)):
        raise UserError(f"{name} takes a list or a tuple, whose order counts, not {shown(value)}")
    parts = [_typed(name, part) for part in value]
    for part in parts:
        if "," in part:
            raise UserError(
                f"{name} has an element with a comma, '{part}', which separates elements"
                + ("; name a text file with one class per line" if name == "classes" else "")
            )
    # The comma behind a single name says that it is no file of names.
    return ",".join(parts) + ("," if field and len(parts) == 1 else "")


def _typed(name: str, value: Any) -> str:
    """One value as it would be typed, where no zero byte can be."""
    try:
        text = str(value)
    except Exception as error:  # a whole number of thousands of digits, or another's __str__
        raise UserError(f"{name} cannot be {shown(value)}") from error
    if "\0" in text:
        raise UserError(
            f"{name} has a zero byte, which nothing that can be named has: {shown(text)}"
        )
    return text


def _unknown(parser: Parser, function: str, name: str) -> str:
    """What to say of a keyword that there is not."""
    known = {o[2:].replace("-", "_") for o in parser.options() if o.startswith("--")}
    known = (known | (FIELDS if parser.takes_fields() else set())) - NOT_CALLED
    hint = answer(name) or did_you_mean(name, known)
    return f"{function}() has no argument '{name}'" + (f"; {hint}" if hint else "")


def _plain(value: Any) -> Any:
    """A value as text where its repr is no Python that could be typed, such as a path's."""
    return value if isinstance(value, (str, int, float, list, tuple)) else str(value)
