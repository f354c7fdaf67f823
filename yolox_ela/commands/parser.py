"""The parser of all commands: an option's values are what its author meant, or are refused."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, cast

from yolox_ela.errors import UserError
from yolox_ela.foreign_names import FOREIGN, answer
from yolox_ela.input_size import FORM, ImageSize, is_image_size, parse_image_size
from yolox_ela.overrides import did_you_mean
from yolox_ela.recipe import Recipe

AUTO = "auto"
NUMBER = re.compile(r"-\.?\d")
FIELDS = {field.name for field in fields(Recipe)}


class Parser(argparse.ArgumentParser):
    """argparse, but strict: no abbreviations, no value ignored, one-line errors.

    Options and recipe fields may be mixed. An option with several values takes those behind it up
    to the next option, recipe field or word that cannot be its value; `a,b`, `a b` and the option
    given several times mean the same (paths are not split at commas).
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**kwargs, allow_abbrev=False)
        self.field_options: dict[str, str] = {}  # dest of an option: the recipe field it sets

    def error(self, message: str) -> NoReturn:
        """Every error of the command line is a UserError."""
        if missing := message.partition("arguments are required: ")[2]:
            message = f"{missing} is missing; {self.prog} --help shows examples"
        raise UserError(message.removeprefix("argument "))

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Arrange the words for argparse; add `given`, the names of the options that were typed."""
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers is not None:
            return super().parse_known_args(words, namespace)
        arranged, given = _Arrangement(self, words).result()
        parsed, rest = super().parse_known_args(arranged, namespace)
        parsed.given = frozenset(given)
        for dest, field in self.field_options.items():
            if dest in given:
                parsed.overrides = [f"{field}={getattr(parsed, dest)}", *parsed.overrides]
        return parsed, rest

    def takes_fields(self) -> bool:
        """Whether recipe fields may stand among the words."""
        return any(action.dest == "overrides" for action in self._actions)

    def options(self) -> dict[str, argparse.Action]:
        """Every spelling of every option."""
        return self._option_string_actions


class _Arrangement:
    """Words in any order, sorted into options with their values and all other words."""

    def __init__(self, parser: Parser, words: list[str]) -> None:
        self._parser, self._words = parser, words
        self._values: dict[argparse.Action, list[str]] = {}
        self._flags: dict[argparse.Action, str] = {}  # with the spelling that was typed
        self._others: list[str] = []
        while self._words:
            self._next()

    def result(self) -> tuple[list[str], set[str]]:
        """Words that argparse reads in one way only, and the `dest` of each option given."""
        words: list[str] = []
        for action, values in self._values.items():
            if action.nargs == "+":
                words += [_spelling(action), *values]
            elif values:
                words.append(f"{_spelling(action)}={values[0]}")
            else:
                words.append(_spelling(action))
        words += self._flags.values()  # --fields reads the experiment, which stands before
        if self._others:
            words += ["--", *self._others]
        return words, {action.dest for action in (*self._flags, *self._values)}

    def _next(self) -> None:
        word = self._words.pop(0)
        if word == "--":
            self._others += self._words
            self._words = []
        elif not _is_option(word):
            if not word:
                self._parser.error('a word on the command line is empty: ""')
            self._others.append(word)
        else:
            self._option(word)

    def _option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        options = self._parser.options()
        action = options.get(name)
        if action is None and not word.startswith("--") and word[2:].isdigit():  # -b8
            action, name, equals, value = options.get(word[:2]), word[:2], "=", word[2:]
        if action is None:
            self._parser.error(_unknown(name, value, self._parser))
        action = cast(argparse.Action, action)
        if action.nargs == 0:
            if equals:
                self._parser.error(f"{name} takes no value, but has '{value}'")
            self._flag(action, name)
            return
        if equals:
            found = [value]
        elif action.nargs == "?":
            found = self._optional_value()
        else:
            found = self._take(action, name)
        if action.nargs == "+":
            if action.type is not Path:
                found = [part for text in found for part in text.split(",")]
            found = self._values.get(action, []) + found
        elif self._values.get(action, found) != found:
            first, second = self._values[action], found
            self._parser.error(
                f"{name} is given twice, as {' '.join(first) or 'no value'} and as "
                f"{' '.join(second) or 'no value'}; leave one of them out"
            )
        if "" in found:
            self._parser.error(f"{name} has an empty value; leave the option out, or name a value")
        self._values[action] = found

    def _flag(self, action: argparse.Action, name: str) -> None:
        """Note an option without value; `--x` and `--no-x` may be two spellings of one."""
        earlier = self._flags.setdefault(action, name)
        if isinstance(action, argparse.BooleanOptionalAction) and earlier != name:
            self._parser.error(f"{earlier} and {name} are opposites; leave one of them out")

    def _optional_value(self) -> list[str]:
        """The next word, unless it is an option or the beginning of a recipe field."""
        if not self._words or _is_option(self._words[0]) or self._begins_field(self._words[0]):
            return []
        return [self._words.pop(0)]

    def _take(self, action: argparse.Action, name: str) -> list[str]:
        if not self._words or _is_option(self._words[0]):
            wanted = f": {', '.join(map(str, action.choices))}" if action.choices else ""
            several = "at least one value" if action.nargs == "+" else "a value"
            self._parser.error(f"{name} needs {several}{wanted}")
        if action.nargs == "+" and self._begins_field(self._words[0]):
            field = self._words[0].partition("=")[0]
            self._parser.error(f"{name} needs at least one value before the recipe field '{field}'")
        found = [self._words.pop(0)]
        while action.nargs == "+" and self._words and self._continues(action, self._words[0]):
            found.append(self._words.pop(0))
        return found

    def _continues(self, action: argparse.Action, word: str) -> bool:
        """Whether a word can be one more value of an option with several."""
        if _is_option(word) or self._begins_field(word):
            return False
        if action.choices is None:
            return True
        return set(word.split(",")) <= {str(choice) for choice in action.choices}

    def _begins_field(self, word: str) -> bool:
        if not self._parser.takes_fields():
            return False
        name, equals, _ = word.partition("=")
        return name in FIELDS or name in FOREIGN or bool(equals and name.isidentifier())


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Reads a whole number of at least `low` and at most `high`."""
    rule = f"a whole number of at least {low}" + (f" and at most {high}" if high else "")

    def read(text: str) -> int:
        number = int(text) if re.fullmatch(r"[+-]?\d+", text) else None
        if number is None or number < low or (high and number > high):
            raise argparse.ArgumentTypeError(f"'{text}' is not {rule}")
        return number

    return read


def image_size(text: str) -> ImageSize:
    """Read the size of the network's input."""
    try:
        size = parse_image_size(text)
    except ValueError:
        size = 0
    if not is_image_size(size):
        raise argparse.ArgumentTypeError(f"'{text}' is not {FORM}, as in 480,640")
    return size


def any_image_size(text: str) -> ImageSize:
    """Read a size whose rule is that of a recipe, which may be another one than YOLOX's."""
    try:
        return parse_image_size(text)
    except ValueError:
        return image_size(text)


def device_name(text: str) -> str:
    """Read the name of a device; whether this machine has it is checked when torch is loaded."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        hint = f"; for GPU {text}, write cuda:{text}" if text.isdigit() else ""
        raise argparse.ArgumentTypeError(f"'{text}' is not auto, cpu, cuda, cuda:N or mps{hint}")
    return text


def several(read: Callable[[str], Any] = str) -> Callable[[str], list[Any]]:
    """Reads values with commas between; for commands whose inputs may stand behind the option."""
    return lambda text: [read(part) for part in text.split(",")]


def whole_or_auto(low: int) -> Callable[[str], int | str]:
    """Reads `auto`, or a whole number of at least `low`."""
    read = whole(low)
    return lambda text: text if text == AUTO else read(text)


def duration(text: str) -> float:
    """Read a length of time, as in 2h, 30m, 90s or 1h30m; returns seconds."""
    found = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if total == 0:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a length of time, as in 2h, 30m, 90s or 1h30m"
        )
    return float(total)


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 to 1")
    return number


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-" and not NUMBER.match(word)


def _spelling(action: argparse.Action) -> str:
    """The option's long spelling, which accepts a value as in --seed=1; else its first one."""
    return next((o for o in action.option_strings if o.startswith("--")), action.option_strings[0])


def _unknown(name: str, value: str, parser: Parser) -> str:
    """The message about an unknown option."""
    plain = name.lstrip("-").replace("-", "_")
    if parser.takes_fields() and plain in FIELDS:
        return f"{name}: this is a field of the recipe, written without dashes: {plain} VALUE"
    if text := answer(plain):
        return f"no option {name}: {text}"
    if len(name) > 2 and not name.startswith("--") and name[:2] in parser.options():
        return f"no option {name}; to give {name[:2]} a value, write {name[:2]} {name[2:]}"
    known = [option for option in parser.options() if option.startswith("--")]
    hint = did_you_mean(name, known)
    return f"no option {name}; {hint + ' ' if hint else ''}{parser.prog} --help lists all"
