"""Tables as text, Markdown, CSV or JSON, and their place between two marks in a file."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.system.files import read_text, write_atomically
from yolox_ela.system.text_table import text_table


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: the key of a row's value; a value that is None gives an empty cell.
        header: the title of the column.
        show: what turns the value, and the values under the keys `beside`, into the cell's text.
        beside: the keys of further values that the cell shows.
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
    align = "".join(
        "r" if any(isinstance(row[column.key], (int, float)) for row in table.rows) else "l"
        for column in table.columns
    )
    grid = text_table(headers, cells, align, markdown=markdown)
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
    """Replace the text in a Markdown file between `<!-- NAME -->` and `<!-- /NAME -->`.

    Raises:
        UserError: the file cannot be read, or does not have exactly one such pair of marks.
    """
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    try:
        content = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} as text: {error}") from error
    head, opened, rest = content.partition(opening)
    _, closed, tail = rest.partition(closing)
    if not opened or not closed or opening in rest:
        raise UserError(
            f"{path} must have the lines {opening.strip()} and {closing.strip()} once, in order"
        )
    new = f"{head}{opening}\n{text}\n{closing}{tail}"
    encoded = new.encode("utf-8", "backslashreplace")
    write_atomically(path, lambda temporary: temporary.write_bytes(encoded))
