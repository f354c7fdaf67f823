"""Results of the paper's other networks: rows of runs, and the accuracies that the paper prints."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.system.environment import source_commit
from yolox_ela.tables.layout import Column, Table

COLUMNS = (
    "task", "experiment", "method", "data", "image_size", "epochs", "seed", "score", "value",
    "parameters", "commit", "day",
)  # fmt: skip
# The scores of a row, by its task.
SCORES = {
    "classification": ("top1", "top5"),
    "segmentation": ("miou",),
    "yolof": ("ap50_95", "ap50"),
}


def result_rows(
    settings: Mapping[str, Any], results: Mapping[str, Any], *, data: str, parameters: int
) -> list[dict[str, Any]]:
    """A row for each score of a run, as plain values.

    Args:
        settings: the run's.
        results: those of its last evaluation.
        data: what the data are called.
        parameters: number of parameters of the network.
    """
    shared = {
        "task": settings["task"],
        "experiment": settings["name"],
        "method": settings["attention"] or "as the experiment says",
        "data": data,
        **{name: settings[name] for name in ("image_size", "epochs", "seed")},
        "parameters": parameters,
        "commit": source_commit(),
        "day": date.today().isoformat(),
    }
    return [
        {**shared, "score": name, "value": round(100 * results[name], 2)}
        for name in SCORES[settings["task"]]
        if results[name] is not None
    ]


def append_results(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to a file of results.

    Raises:
        UserError: the file has other columns, or cannot be written.
    """
    try:
        known = path.exists() and path.stat().st_size > 0
        if known:
            read_results(path)
        with path.open("a", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            if not known:
                table.writeheader()
            table.writerows(rows)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def read_results(path: Path) -> list[dict[str, str]]:
    """The rows of a file of results.

    Raises:
        UserError: it cannot be read, or has other columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            rows = list(table)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if tuple(table.fieldnames or ()) != COLUMNS:
        raise UserError(
            f"{path} has other columns than {', '.join(COLUMNS)}: name another file for results of "
            "other networks than YOLOX"
        )
    return rows


def results_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rows of runs as a table."""
    columns = [Column(name, name) for name in COLUMNS]
    return Table("Results of the paper's other networks", columns, list(map(dict, rows)))
