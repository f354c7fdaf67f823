"""Losses and scores of runs beside those of a plain one, epoch by epoch, from their metrics.csv."""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolox_ela.system.text_table import text_table

SCORE, RAW = "ap50_95", "raw_ap50_95"


def main() -> int:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the runs")
    parser.add_argument("plain", help="name of the run that the others are compared with")
    parser.add_argument("--json", type=Path, help="file for the result")
    args = parser.parse_args()
    rows = compare(args.folder, args.plain)
    headers = ("run", "epochs", "loss apart, at most", "AP50:95 of the average", "of the weights")
    print(text_table(headers, [_cells(row) for row in rows], "lrrrr"))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    return 0


def compare(folder: Path, plain: str) -> list[dict[str, Any]]:
    """A row for each run of a folder.

    Args:
        folder: holds the runs' folders.
        plain: the name of one of them.

    Returns:
        For each run its name, its number of epochs, the largest relative difference of an epoch's
        loss to that of the plain run, its last AP50:95 and that of the weights as trained, which an
        average that does not follow the network would stay away from.

    Raises:
        FileNotFoundError: the plain run has no metrics.csv.
    """
    base = _losses(_read(folder / plain))
    rows = []
    for path in sorted(folder.glob("*/metrics.csv")):
        history = _read(path.parent)
        losses = _losses(history)
        both = base.keys() & losses.keys()
        scored = [row for row in history if row.get(SCORE)]
        last = scored[-1] if scored else {}
        rows.append(
            {
                "run": path.parent.name,
                "epochs": len(losses),
                "loss": max((abs(losses[e] / base[e] - 1) for e in both), default=None),
                "average": 100 * float(last[SCORE]) if last.get(SCORE) else None,
                "weights": 100 * float(last[RAW]) if last.get(RAW) else None,
            }
        )
    return rows


def _read(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _cells(row: dict[str, Any]) -> list[str]:
    forms = {"loss": "{:.1e}", "average": "{:.2f}", "weights": "{:.2f}"}
    return ["-" if v is None else forms.get(name, "{}").format(v) for name, v in row.items()]


def _losses(history: Sequence[dict[str, str]]) -> dict[int, float]:
    return {int(row["epoch"]): float(row["loss"]) for row in history if row.get("loss")}


if __name__ == "__main__":
    raise SystemExit(main())
