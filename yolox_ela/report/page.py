"""A report as one HTML page that needs no network, with its pictures and numbers beside it."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from yolox_ela.system.files import require_writable, write_atomically

PAGE, FOLDER, NUMBERS = "report.html", "report", "report.json"

PICTURE_NAME = re.compile(r"[\w-]+")
DECIMALS = 5  # of scores in 0-1 in report.json; the third decimal is already noise


@dataclass(frozen=True)
class PageTable:
    """A table of words and numbers.

    Attributes:
        columns: the headings.
        rows: the cells; None and numbers that are not finite are shown as a dash.
        decimals: the number of decimals of floats; integers are shown as they are.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    decimals: int = 2

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers, which are aligned to the right."""
        return [
            any(not isinstance(row[column], str) for row in self.rows)
            for column in range(len(self.columns))
        ]

    def text(self, cell: str | float | None) -> str:
        """What is shown for a cell."""
        if cell is None or (not isinstance(cell, str) and not math.isfinite(cell)):
            return "-"
        if isinstance(cell, (str, int, np.integer)):
            return str(cell)
        return f"{cell:.{self.decimals}f}"


@dataclass(frozen=True)
class Section:
    """A part of the report, shown in the order title, text, figures, table.

    Attributes:
        title: the heading, also in the table of contents.
        text: plain text; an empty line separates paragraphs.
        figures: the content of each PNG, by the name of its file without `.png`.
        table: a table below the pictures.
        numbers: the numbers that the pictures show, for report.json: containers of plain values or
            arrays.
    """

    title: str
    text: str = ""
    figures: Mapping[str, bytes] = field(default_factory=dict)
    table: PageTable | None = None
    numbers: Any = None

    @property
    def paragraphs(self) -> list[str]:
        """The text's paragraphs, none if it is empty."""
        return re.split(r"\n\s*\n", self.text.strip()) if self.text.strip() else []


def write_report(
    folder: Path, title: str, facts: Mapping[str, Any], sections: Sequence[Section]
) -> Path:
    """Write `report.html`, and beside it `report/NAME.png` and `report/report.json`.

    The page holds its pictures and refers to nothing outside itself. Each file is written whole or
    not at all, and the page last. Pictures of an earlier report here that this one lacks are
    removed. Bytes of file names that are not UTF-8 are written as escapes.

    Args:
        folder: the folder to write to, made if it is missing.
        title: the page's title.
        facts: what the report is about (experiment, checkpoint, data, commit ...), by name.
        sections: the parts, in order.

    Returns:
        The page's path.

    Raises:
        UserError: the folder cannot be written, or its disk is full.
        ValueError: two pictures have the same name, or one is no plain file name.
    """
    pictures: dict[str, bytes] = {}
    for section in sections:
        for name, png in section.figures.items():
            if name in pictures or not PICTURE_NAME.fullmatch(name):
                raise ValueError(f"picture '{name}': each needs a plain file name of its own")
            pictures[name] = png
    page, numbers = folder / PAGE, folder / FOLDER / NUMBERS
    for path in (page, numbers):
        require_writable(path)
    outdated = _listed_pictures(numbers) - pictures.keys()
    for name, png in pictures.items():
        _write(numbers.with_name(f"{name}.png"), png)
    _write(numbers, _as_json(title, facts, sections).encode("utf-8", "backslashreplace"))
    _write(page, render_page(title, facts, sections).encode("utf-8", "backslashreplace"))
    for name in outdated:
        numbers.with_name(f"{name}.png").unlink(missing_ok=True)
    return page


def render_page(title: str, facts: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """The page's HTML; the arguments are those of `write_report`."""
    return _TEMPLATE.render(title=title, facts=facts, sections=sections, folder=FOLDER)


def plain_number(value: float) -> float | None:
    """A number rounded to `DECIMALS`; None for NaN and infinity, which JSON lacks."""
    return round(float(value), DECIMALS) if math.isfinite(value) else None


def plain_list(values: np.ndarray) -> list[float | None]:
    """`plain_number` of each element of an (N,) array."""
    return [plain_number(value) for value in values.tolist()]


def _fact(value: Any) -> str:
    """A fact in words: lists and mappings joined by commas, None as unknown."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_fact, value))
    return "unknown" if value is None else str(value)


def _as_json(title: str, facts: Mapping[str, Any], sections: Sequence[Section]) -> str:
    content = {
        "title": title,
        "facts": facts,
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "figures": [f"{name}.png" for name in section.figures],
                "table": section.table
                and {"columns": section.table.columns, "rows": section.table.rows},
                "numbers": section.numbers,
            }
            for section in sections
        ],
    }
    return json.dumps(plain_values(content), indent=1, ensure_ascii=False, allow_nan=False)


def plain_values(value: Any) -> Any:
    """Convert to values that every JSON reader accepts: NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return plain_values(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _listed_pictures(numbers: Path) -> set[str]:
    """The names of the pictures of the report whose numbers are in this file."""
    if not numbers.is_file():
        return set()
    try:
        sections = json.loads(numbers.read_text(encoding="utf-8"))["sections"]
        files = [Path(file) for section in sections for file in section["figures"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()  # the file is not this program's, so no picture is its
    names = {file.stem for file in files if file.name == f"{file.stem}.png"}
    return {name for name in names if PICTURE_NAME.fullmatch(name)}


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("yolox_ela.report", "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters |= {"fact": _fact, "base64": lambda png: base64.b64encode(png).decode()}
_TEMPLATE = _ENVIRONMENT.get_template("page.html.jinja")
