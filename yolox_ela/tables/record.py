"""results.csv: one row for each scored run."""

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_type_hints

from yolox_ela.errors import UserError
from yolox_ela.system.files import require_writable

PROTOCOLS = ("voc07", "voc0712", "custom")


@dataclass(frozen=True)
class RunRow:
    """A run's facts and scores: the columns of results.csv, in their order.

    A cell is empty where nothing is known: weights from elsewhere rarely say how they were
    trained, and where nothing was trained there is no seed.
    """

    exp: str
    """Name of the experiment."""
    seed: int | None
    data: str
    """Name of the data: VOC for the standard photographs, else the name they were given."""
    protocol: str
    """voc07 or voc0712 if sets and numbers of images are the standard ones, else custom."""
    train_sets: str
    """`year/split`, sorted, joined by ` + `."""
    train_images: int | None
    test_sets: str
    """As `train_sets`; with the name of the list, if only listed images were scored."""
    test_images: int
    epochs: int | None
    """Epochs that the run was planned for; 0 for zero-shot."""
    start: str
    """Weights at the start: random, a name of `STARTS`, or that of a file."""
    start_sha256: str
    """See `weights_digest`; empty for runs from before it was noted."""
    settings: str
    """Recipe fields that are not the usual ones, `key=value` joined by `; `."""
    image_size: int
    """Side of the input in the evaluation, pixels."""
    score_threshold: float
    nms_iou: float
    ap50_voc07: float
    """In 0-1, mean over classes, as `ap50` and `ap50_95`; see `score_detections`."""
    ap50: float
    ap50_95: float
    per_class: str
    """AP50 07 of each class in percent, `name value` joined by `; `."""
    weights: str
    """Which weights of the run were scored: best, last, `epoch N` of an unfinished run, or those of
    its state as they were trained, without averaging."""
    commit: str
    """Source that trained the weights; that evaluated them, if they came from elsewhere."""
    machine: str
    """Kind of machine that evaluated: processor and cores, or GPU."""
    date: str
    """Day of the evaluation, UTC, as 2025-12-31."""

    def __post_init__(self) -> None:
        """Refuse what no run can have, naming the column."""
        for column in ("exp", "data", "test_sets", "start"):
            _require(getattr(self, column) != "", column, "must not be empty")
        for column in ("ap50_voc07", "ap50", "ap50_95", "score_threshold", "nms_iou"):
            value = getattr(self, column)
            inside = value is not None and 0 <= value <= 1  # None: nothing was scored
            _require(inside, column, f"must be between 0 and 1, not {value}")
        for column in ("seed", "train_images", "test_images", "epochs", "image_size"):
            value = getattr(self, column)
            _require(value is None or value >= 0, column, f"must not be negative, but is {value}")
        _require(self.protocol in PROTOCOLS, "protocol", f"must be one of {', '.join(PROTOCOLS)}")
        digest = self.start_sha256
        plain = digest == "" or re.fullmatch("[0-9a-f]{64}", digest) is not None
        _require(plain, "start_sha256", f"must have 64 hexadecimal digits, but is '{digest}'")
        try:
            date.fromisoformat(self.date)
        except ValueError:
            _require(False, "date", f"must read as in 2025-12-31, not '{self.date}'")


COLUMNS = tuple(field.name for field in fields(RunRow))
KINDS = {int: "a whole number", float: "a number"}


def append_row(path: Path, row: RunRow) -> None:
    """Add a row to a file of results, made if there is none; the other rows stay as they are.

    The row goes to the file's end in one write, so runs that end at the same time keep both
    theirs (on a POSIX system). Runs that make the file at the same time may both head it, which
    `read_rows` passes over.

    Raises:
        UserError: the file has other columns, or cannot be written.
    """
    require_record(path)
    line = _line([_cell(getattr(row, column)) for column in COLUMNS])
    try:
        with path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                line = _line(COLUMNS) + line
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


def require_record(path: Path) -> None:
    """Make sure, before the work whose result it takes, that a row can be added to a file.

    Raises:
        UserError: it is no CSV file, cannot be written, or has other columns than `RunRow`.
    """
    if path.suffix != ".csv":
        raise UserError(f"results are recorded in a file that ends in .csv, not '{path}'")
    require_writable(path)
    if not path.exists():
        return
    if not os.access(path, os.W_OK):
        raise UserError(f"cannot write {path}: make it writable, or name another file")
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        _require_columns(path, next(csv.reader(file), None))


def read_rows(path: Path) -> list[RunRow]:
    """All rows of a file of results, in their order.

    Raises:
        UserError: there is no such file, or a row is malformed; names line and column.
    """
    if not path.is_file():
        raise UserError(f"no results at {path}; train.py and eval.py with --record make them")
    rows = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.reader(file)
        try:
            _require_columns(path, next(table, None))
            for cells in table:
                if cells and tuple(cells) != COLUMNS:
                    rows.append(_read_row(cells, f"{path}, line {table.line_num}"))
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(
                f"{path}, after line {table.line_num}: {error}; save it as CSV in UTF-8"
            ) from error
    return rows


def _require_columns(path: Path, header: Sequence[str] | None) -> None:
    if header is None or tuple(header) == COLUMNS:  # an empty file becomes one of ours
        return
    missing = [column for column in COLUMNS if column not in header]
    unknown = [column for column in header if column not in COLUMNS]
    parts = [
        *([f"lacks {', '.join(missing)}"] if missing else []),
        *([f"has '{', '.join(unknown)[:60]}' besides"] if unknown else []),
    ]
    what = " and ".join(parts) or "has them in another order or twice"
    raise UserError(
        f"{path} does not have the columns of a results file: it {what}; name another file, or "
        f"mend its first line to: {','.join(COLUMNS)}"
    )


def _read_row(cells: Sequence[str], where: str) -> RunRow:
    if len(cells) != len(COLUMNS):
        raise UserError(
            f"{where} has {len(cells)} cells instead of {len(COLUMNS)}; mend or delete the line"
        )
    kinds = get_type_hints(RunRow)
    values = {}
    for column, text in zip(COLUMNS, cells, strict=True):
        try:
            values[column] = _value(text, kinds[column])
        except ValueError:
            kind = next(k for k in KINDS if k in (kinds[column], *get_args(kinds[column])))
            raise UserError(
                f"{where}, column {column}: '{text}' is not {KINDS[kind]}; mend or delete the line"
            ) from None
    try:
        return RunRow(**values)
    except ValueError as error:
        raise UserError(f"{where}, {error}; mend or delete the line") from None


def _value(text: str, kind: Any) -> Any:
    """A cell's text as `str`, `int`, `float`, or None where an empty cell may be."""
    if get_args(kind):  # int | None
        return None if text == "" else get_args(kind)[0](text)
    return kind(text)


def _cell(value: Any) -> str:
    """A value as text that gives the same value back."""
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _text(line: bytes) -> str:
    return line.decode().strip()


def _require(condition: bool, column: str, rule: str) -> None:
    if not condition:
        raise ValueError(f"column {column}: {rule}")
