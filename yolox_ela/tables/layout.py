"""A table as text, Markdown, CSV or JSON, and put into a file between two marks."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from yolox_ela.errors import UserError
from yolox_ela.system.files import write_atomically


@dataclass(frozen=True)
class Column:
    """What is shown of a row's value under `key`; a value that is None shows as nothing.

    `show` gets that value and those under the keys `beside`.
    """

    key: str
    header: str
    show: Callable[..., str] = str
    beside: tuple[str, ...] = ()

    def cell(self, row: dict[str, Any]) -> str:
        """The text for one row."""
        values = [row[key] for key in (self.key, *self.beside)]
        return "" if values[0] is None else self.show(*values)


@dataclass(frozen=True)
class Table:
    """Rows of plain values, the columns shown to a reader, and the sentences below them.

    CSV and JSON hold every value of a row in full, also those without a column.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[dict[str, Any]]
    notes: Sequence[str] = field(default_factory=list)


def render(tables: Sequence[Table], style: str) -> str:
    """The tables in one of `choices.STYLES` or `json`, ending in a line break."""
    if style == "json":
        content = [{"title": t.title, "rows": t.rows, "notes": t.notes} for t in tables]
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    if style == "csv":
        return _as_csv([row for table in tables for row in table.rows])
    return "\n".join(_for_reader(table, markdown=style == "markdown") for table in tables)


def _for_reader(table: Table, *, markdown: bool) -> str:
    headers = [column.header for column in table.columns]
    cells = [[column.cell(row) for column in table.columns] for row in table.rows]
    numbers = [
        any(isinstance(row[c.key], (int, float)) for row in table.rows) for c in table.columns
    ]
    grid = tabulate(
        cells,
        headers,
        tablefmt="pipe" if markdown else "simple",
        disable_numparse=True,  # a printed digit is a statement: 3.50 must not become 3.5
        colalign=["right" if number else "left" for number in numbers] if cells else None,
    )
    title = f"**{table.title}**" if markdown else table.title
    notes = [f"- {note}" if markdown else note for note in table.notes]
    return "\n".join([title, "", grid, *([""] if notes else []), *notes]) + "\n"


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    table = csv.DictWriter(text, keys, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def insert_block(path: Path, name: str, text: str) -> None:
    """Replace what stands in a Markdown file between `<!-- NAME -->` and `<!-- /NAME -->`.

    Raises:
        UserError: the file cannot be read, or has not exactly one such pair of marks.
    """
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    head, opened, rest = content.partition(opening)
    _, closed, tail = rest.partition(closing)
    if not opened or not closed or opening in rest:
        raise UserError(
            f"{path} must have the lines {opening.strip()} and {closing.strip()} once, in order"
        )
    new = f"{head}{opening}\n{text}\n{closing}{tail}"
    write_atomically(path, lambda temporary: temporary.write_text(new, encoding="utf-8"))
