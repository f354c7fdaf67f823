"""An attention module as text, as in `ela_s`, `ca:reduction=16` or `FILE.py:Mine:kernel_size=3`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolox_ela.errors import UserError

FORM = "a name as in ela_s or ca:reduction=16, FILE.py:NAME, or none"
NONE = "none"


class Recorded(str):
    """An attention's text that was read from a file of weights, so that no file in it is run."""


@dataclass(frozen=True)
class AttentionText:
    """The parts of such a text.

    Attributes:
        name: what builds the module, of `yolox_ela.attention` or of `file`; `none` for no module.
        file: the Python file that defines it; None for the package's own.
        options: values of its keyword arguments, as they were written.
    """

    name: str
    file: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The text in its one spelling, by which runs are compared."""
        parts = [self.name if self.file is None else f"{self.file}:{self.name}"]
        if self.options:
            parts.append(",".join(f"{name}={value}" for name, value in self.options.items()))
        return ":".join(parts)

    @property
    def short(self) -> str:
        """The text for the name of a folder: without the file's folder, `:` and the like."""
        name = self.name if self.file is None else f"{self.file.stem}.{self.name}"
        options = [f"{name}={value}" for name, value in self.options.items()]
        return re.sub(r'[/\\:*?"<>|\s]', "_", ",".join([name, *options]))


def parse_attention(text: str) -> AttentionText:
    """The parts of a text; options stand behind the name, with `:` or `,` between them.

    Raises:
        UserError: it has another form.
    """
    file, separator, rest = text.strip().partition(".py:")
    if not separator:
        rest = file
    name, *words = (part.strip() for part in re.split("[:,]", rest))
    if name.endswith(".py"):
        raise UserError(
            f"attention {text}: say what in the file builds the module, as in attention={name}:Mine"
        )
    if not name.isidentifier():
        raise UserError(f"attention '{text}' must be {FORM}")
    options: dict[str, str] = {}
    for word in words:
        option, equals, value = (part.strip() for part in word.partition("="))
        if not (option.isidentifier() and equals and value):
            raise UserError(
                f"attention {text}: '{word}' must be an option with its value, as in "
                f"attention={name}:reduction=16"
            )
        if option in options:
            raise UserError(f"attention {text}: option '{option}' is given twice")
        options[option] = value
    if separator:
        return AttentionText(name, Path(f"{file}.py"), options)
    if name.lower() == NONE and options:
        raise UserError(f"attention {text}: {NONE} takes no options")
    return AttentionText(name.lower(), None, options)


def is_attention(value: object) -> bool:
    """Whether a recipe may have this value: such a text, or any value that is no text."""
    if not isinstance(value, str):
        return True
    try:
        parse_attention(value)
    except UserError:
        return False
    return True
