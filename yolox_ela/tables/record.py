"""results.csv: one row for each scored run.

`RunRow` describes the file: a field is a column, its annotation says what a cell may hold and
whether runs must agree in it to be compared. To add a column, add a field with a default, which
files from before it then have, and let `entry.run_row` fill it.
"""

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_type_hints

from yolox_ela.errors import UserError
from yolox_ela.field_rules import (
    TYPE_WORDS,
    Rule,
    at_least,
    between,
    complaint,
    one_of,
    without_rules,
)
from yolox_ela.input_size import FORM, ImageSize, is_image_size, one_form, parse_image_size
from yolox_ela.system.files import require_writable
from yolox_ela.system.program import command_text

PROTOCOLS = ("voc07", "voc0712", "custom")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


# Marks the columns in which runs must agree to stand in one table of results.
CONDITION = "condition"

COUNT = at_least(0)
SHARE = between(0, 1)
NOT_EMPTY = Rule("a text that is not empty", lambda text: text != "")
DIGEST = Rule(
    "empty or 64 hexadecimal digits",
    lambda text: text == "" or re.fullmatch("[0-9a-f]{64}", text) is not None,
)
IMAGE_SIZE = Rule(FORM, is_image_size)
DAY = Rule("a day as in 2025-12-31", _is_day)


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run's facts and scores: the columns of results.csv, in their order.

    A cell is empty where nothing is known: weights from elsewhere rarely say how they were
    trained, and where nothing was trained there is no seed.
    """

    exp: Annotated[str, NOT_EMPTY]
    """Name of the experiment."""
    seed: Annotated[int | None, COUNT]
    """Seed of the training."""
    data: Annotated[str, NOT_EMPTY, CONDITION]
    """Name of the data: VOC for the standard photographs, else the name they were given."""
    protocol: Annotated[str, one_of(*PROTOCOLS), CONDITION]
    """voc07 or voc0712 if sets and numbers of images are the standard ones, else custom."""
    train_sets: Annotated[str, CONDITION]
    """Sets to train on, each `year/split`, sorted, joined by ` + `."""
    train_images: Annotated[int | None, COUNT, CONDITION]
    """Number of images to train on."""
    test_sets: Annotated[str, NOT_EMPTY, CONDITION]
    """As `train_sets`; with the name of the list, if only listed images were scored."""
    test_images: Annotated[int, COUNT, CONDITION]
    """Number of images that were scored."""
    epochs: Annotated[int | None, COUNT, CONDITION]
    """Epochs that the run was planned for; 0 for zero-shot."""
    start: Annotated[str, NOT_EMPTY, CONDITION]
    """Weights at the start: random, a name of `STARTS`, or that of a file."""
    start_sha256: Annotated[str, DIGEST, CONDITION] = ""
    """Digest of the starting weights, see `weights_digest`; empty for runs from before it was
    noted."""
    settings: Annotated[str, CONDITION]
    """Recipe fields that are not the usual ones, `key=value` joined by `; `."""
    image_size: Annotated[ImageSize, IMAGE_SIZE, CONDITION]
    """Size of the input in the evaluation, in pixels: `640`, or height and width as `480,640`."""
    score_threshold: Annotated[float, SHARE, CONDITION]
    """Score below which detections were dropped."""
    nms_iou: Annotated[float, SHARE, CONDITION]
    """Overlap beyond which NMS dropped detections."""
    ap50_voc07: Annotated[float, SHARE]
    """Mean over classes of the AP at IoU 0.5, over VOC2007's 11 points; see `score_detections`."""
    ap50: Annotated[float, SHARE]
    """The same over all points."""
    ap50_95: Annotated[float, SHARE]
    """Mean over classes of COCO's AP."""
    per_class: str
    """AP50 07 of each class in percent, `name value` joined by `; `."""
    weights: Annotated[str, CONDITION]
    """Which weights of the run were scored: best, last, `epoch N` of an unfinished run, or `state`:
    the weights as trained, without averaging, of a run's saved state."""
    commit: str
    """Commit of the source that trained the weights, or, for weights from elsewhere, that evaluated
    them."""
    machine: str
    """Kind of machine that evaluated: processor and cores, or GPU."""
    date: Annotated[str, DAY]
    """Day of the evaluation, UTC, as 2025-12-31."""

    def __post_init__(self) -> None:
        """Refuse what no run can have, naming the column."""
        object.__setattr__(self, "image_size", one_form(self.image_size))
        for column, kind in _annotations().items():
            value = getattr(self, column)
            if said := complaint(value, kind):
                raise ValueError(f"column {column}: {value!r} {said}")


@cache
def _annotations() -> dict[str, Any]:
    return get_type_hints(RunRow, include_extras=True)


COLUMNS = tuple(_annotations())
OPTIONAL = {field.name for field in fields(RunRow) if field.default is not MISSING}
CONDITIONS = tuple(
    column
    for column, kind in _annotations().items()
    if CONDITION in getattr(kind, "__metadata__", ())
)


def append_row(path: Path, row: RunRow) -> None:
    """Add a row to a file of results, made if there is none; the other rows stay as they are.

    The row goes to the file's end in one write, so of runs that end at the same time no row is lost
    (on a POSIX system). Runs that make the file at the same time may both write the line of column
    names, which `read_rows` passes over.

    Raises:
        UserError: the file has other columns, or cannot be written.
    """
    columns = require_record(path)
    line = _line([_cell(getattr(row, column)) for column in columns])
    try:
        with path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                line = _line(columns) + line
            else:
                file.seek(size - 1)
                if file.read(1) != b"\n":  # edited by hand, or cut off by a full disk
                    line = b"\n" + line
            written = file.write(line)
            os.fsync(file.fileno())
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}; the row is:\n{_text(line)}"
        raise UserError(message) from error
    if written != len(line):
        raise UserError(
            f"{path} has only a part of the last row, as no space is left on its disk; free space "
            f"and put this line in its place:\n{_text(line)}"
        )


def require_record(path: Path) -> tuple[str, ...]:
    """Make sure, before the work whose result it takes, that a row can be added to a file.

    Returns:
        The columns that a row must have, in the file's order.

    Raises:
        UserError: it is no CSV file, cannot be written, or does not have the columns of `RunRow`.
    """
    if path.suffix != ".csv":
        raise UserError(f"results are recorded in a file that ends in .csv, not '{path}'")
    require_writable(path)
    if not path.exists():
        return COLUMNS
    if not os.access(path, os.W_OK):
        raise UserError(f"cannot write {path}: make it writable, or name another file")
    with _opened(path, errors="replace") as table:
        return _columns(path, next(table, None), optional=set())


def read_rows(path: Path) -> list[RunRow]:
    """All rows of a file of results, in their order.

    Raises:
        UserError: there is no such file, or a row is malformed; names line and column.
    """
    if not path.is_file():
        raise UserError(
            f"no results at {path}; {command_text('train')} and {command_text('eval')} make them "
            "with --record"
        )
    rows = []
    with _opened(path) as table:
        columns = _columns(path, next(table, None), optional=OPTIONAL)
        for cells in table:
            if cells and tuple(cells) != columns:
                rows.append(_read_row(columns, cells, f"{path}, line {table.line_num}"))
    return rows


@contextmanager
def _opened(path: Path, *, errors: str = "strict") -> Iterator[Any]:
    """The lines of a CSV file, each a list of cells; `errors` as for `open`.

    Raises:
        UserError: the file is no CSV in UTF-8.
    """
    with path.open(encoding="utf-8-sig", errors=errors, newline="") as file:
        table = csv.reader(file)
        try:
            yield table
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(
                f"{path}, after line {table.line_num}: {error}; save it as CSV in UTF-8"
            ) from error


def _columns(path: Path, header: Sequence[str] | None, *, optional: set[str]) -> tuple[str, ...]:
    """The columns of a file by its first line, which may order them as it likes."""
    if header is None:  # an empty file becomes one of ours
        return COLUMNS
    missing = [column for column in COLUMNS if column not in {*header, *optional}]
    unknown = [column for column in header if column not in COLUMNS]
    twice = [column for column in COLUMNS if header.count(column) > 1]
    parts = [
        *([f"lacks {', '.join(missing)}"] if missing else []),
        *([f"has '{', '.join(unknown)[:60]}' besides"] if unknown else []),
        *([f"has {', '.join(twice)} twice"] if twice else []),
    ]
    if parts:
        raise UserError(
            f"{path} does not have the columns of a results file: it {' and '.join(parts)}; name "
            f"another file, or edit this one to have a cell in each row for: {','.join(COLUMNS)}"
        )
    return tuple(header)


def _read_row(columns: Sequence[str], cells: Sequence[str], where: str) -> RunRow:
    if len(cells) != len(columns):
        raise UserError(
            f"{where} has {len(cells)} cells instead of {len(columns)}; fix or delete the line"
        )
    try:
        return RunRow(**{c: _value(c, text) for c, text in zip(columns, cells, strict=True)})
    except ValueError as error:
        raise UserError(f"{where}, {error}; fix or delete the line") from None


def _value(column: str, text: str) -> Any:
    """A cell's text as a value of the column's type, None where an empty cell is one.

    Raises:
        ValueError: the text is no such value.
    """
    plain = without_rules(_annotations()[column])
    kinds = get_args(plain) or (plain,)
    if text == "" and NoneType in kinds:
        return None
    read, what = kinds[0], TYPE_WORDS[kinds[0]]
    if plain == ImageSize:
        read, what = parse_image_size, FORM
    try:
        return read(text)
    except ValueError:
        raise ValueError(f"column {column}: '{text}' is not {what}") from None


def _cell(value: Any) -> str:
    """A value as text that gives the same value back."""
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _text(line: bytes) -> str:
    return line.decode().strip()
