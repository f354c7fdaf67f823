"""A report as one HTML page that needs no network, with its pictures and numbers beside it."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from yolox_ela.system.files import require_writable, write_atomically

PAGE, FOLDER, NUMBERS = "report.html", "report", "report.json"

# The browser itself is told to fetch nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
:root { color-scheme: light dark; --text: #1c2024; --soft: #5b6470; --line: #d5dae0;
  --page: #ffffff; --stripe: #f4f6f8; --link: #005a9c; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e7eb; --soft: #9aa4b0; --line: #3a424c;
  --page: #15181c; --stripe: #1e2329; --link: #7cc0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1000px; padding: 1.5rem 1rem 4rem; color: var(--text);
  background: var(--page); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
p { max-width: 46rem; margin: 0.5rem 0; }
a { color: var(--link); }
nav ul { columns: 3 13rem; list-style: none; margin: 1.5rem 0; padding: 0; }
nav li { break-inside: avoid; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; }
tbody tr:nth-child(even) { background: var(--stripe); }
.number { text-align: right; white-space: nowrap; }
.facts th { color: var(--soft); font-weight: normal; white-space: nowrap; }
.facts td { overflow-wrap: anywhere; }
figure { margin: 1rem 0 1.5rem; }
img { display: block; max-width: 100%; height: auto; padding: 6px; background: #ffffff;
  border-radius: 4px; }
figcaption { font-size: 0.875rem; font-weight: 600; margin-bottom: 0.3rem; }
small { color: var(--soft); font-weight: normal; margin-left: 0.5rem; }
"""


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers.

    Attributes:
        columns: their headings.
        rows: cells; None and numbers that are not finite are shown as a dash.
        decimals: of numbers that are not whole by type.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    decimals: int = 2


@dataclass(frozen=True)
class Section:
    """A part of the report, shown in the order title, text, figures, table.

    Attributes:
        title: its heading and entry in the table of contents.
        text: plain text; an empty line parts paragraphs.
        figures: for each picture its name, the name of its file without `.png`, and its content.
        table: shown below the pictures.
        numbers: what the pictures show, for report.json: containers of plain values or arrays.
    """

    title: str
    text: str = ""
    figures: Mapping[str, bytes] = field(default_factory=dict)
    table: Table | None = None
    numbers: Any = None


def write_report(
    folder: Path, title: str, facts: Mapping[str, Any], sections: Sequence[Section]
) -> Path:
    """Write `report.html`, and beside it `report/NAME.png` and `report/report.json`.

    The page holds its pictures and refers to nothing outside itself. Each file is written whole or
    not at all, and the page last. Pictures of an earlier report here that this one lacks are
    removed.

    Args:
        folder: where to write, made if it is missing.
        title: of the page.
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
            if name in pictures or not re.fullmatch(r"[\w-]+", name):
                raise ValueError(f"picture '{name}': each needs a plain file name of its own")
            pictures[name] = png
    page, numbers = folder / PAGE, folder / FOLDER / NUMBERS
    for path in (page, numbers):
        require_writable(path)
    outdated = _listed_pictures(numbers) - pictures.keys()
    for name, png in pictures.items():
        _write(numbers.with_name(f"{name}.png"), png)
    _write(numbers, _as_json(title, facts, sections).encode())
    _write(page, render_page(title, facts, sections).encode())
    for name in outdated:
        numbers.with_name(f"{name}.png").unlink(missing_ok=True)
    return page


def render_page(title: str, facts: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """The page's HTML; see `write_report`."""
    contents = "".join(
        f'<li><a href="#section-{number}">{escape(section.title)}</a></li>\n'
        for number, section in enumerate(sections, 1)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{_facts(facts)}
<nav aria-label="Contents"><ul>
{contents}</ul></nav>
{"".join(_section(number, section) for number, section in enumerate(sections, 1))}</body>
</html>
"""


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(_fact(value))}</td></tr>\n'
        for name, value in facts.items()
    )
    return f'<table class="facts"><tbody>\n{rows}</tbody></table>' if rows else ""


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_fact, value))
    return "unknown" if value is None else str(value)


def _section(number: int, section: Section) -> str:
    paragraphs = re.split(r"\n\s*\n", section.text.strip()) if section.text.strip() else []
    parts = [
        f'<section id="section-{number}">\n<h2>{escape(section.title)}</h2>\n',
        *(f"<p>{escape(paragraph)}</p>\n" for paragraph in paragraphs),
        *(_figure(name, png) for name, png in section.figures.items()),
        _table(section.table) if section.table else "",
        "</section>\n",
    ]
    return "".join(parts)


def _figure(name: str, png: bytes) -> str:
    words = escape(name.replace("_", " "))
    data = base64.b64encode(png).decode()
    return (
        f"<figure><figcaption>{words[:1].upper()}{words[1:]} "
        f"<small>{FOLDER}/{escape(name)}.png</small></figcaption>"
        f'<img alt="{words}" src="data:image/png;base64,{data}"></figure>\n'
    )


def _table(table: Table) -> str:
    # A column of numbers is set right, with its heading.
    numeric = [
        any(not isinstance(row[column], str) for row in table.rows)
        for column in range(len(table.columns))
    ]
    kinds = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for name, kind in zip(table.columns, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{escape(_cell(cell, table.decimals))}</td>"
            for cell, kind in zip(row, kinds, strict=True)
        )
        + "</tr>\n"
        for row in table.rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>\n"
    )


def _cell(value: Any, decimals: int) -> str:
    if value is None or (not isinstance(value, str) and not math.isfinite(value)):
        return "-"
    return str(value) if isinstance(value, (str, int, np.integer)) else f"{value:.{decimals}f}"


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
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Values that every JSON reader takes: NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _listed_pictures(numbers: Path) -> set[str]:
    """Names of the pictures of the report whose numbers are in this file."""
    if not numbers.is_file():
        return set()
    try:
        sections = json.loads(numbers.read_text(encoding="utf-8"))["sections"]
        files = [Path(file) for section in sections for file in section["figures"]]
    except (ValueError, KeyError, TypeError):  # not written by us: nothing there is ours
        return set()
    return {file.stem for file in files if file.name == f"{file.stem}.png"}


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
