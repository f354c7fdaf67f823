"""The folder of a run: configuration, environment, log, metrics and curves."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.system.claim import require_unclaimed
from yolox_ela.system.files import other_kind, write_atomically
from yolox_ela.system.run_names import EVALUATION_FILES, START_FILES, TRAINING_FILES
from yolox_ela.train.run_files import read_environment

IN_USE = "stop that run, or wait until it has ended"  # before it can be resumed


class RunFolder:
    """Paths and files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.state = self.path / "state.pth"  # everything that --resume needs
        self.last = self.path / "last.pth"  # averaged weights of the last epoch
        self.best = self.path / "best.pth"  # averaged weights of the epoch with the best AP
        self.metrics = self.path / "metrics.csv"
        self.curves = self.path / "curves.png"
        self.results = self.path / "results.json"
        self.evaluation = self.path / "evaluation.npz"  # the newest, for reports
        self.data = self.path / "data.npz"  # hashes of its images and objects

    def check(self, *, resume: bool) -> None:
        """Make sure that the folder is free for a new run, or holds one to resume.

        A new run may share it with files that it would not overwrite, and take the place of one
        that was killed before it had anything to keep.

        Raises:
            UserError: it already holds a run, or none to resume.
        """
        self._require_files()
        if resume and not self.state.is_file():
            raise UserError(f"nothing to resume: no {self.state}; name the run with -o")
        if not resume and self.state.exists():
            raise UserError(
                f"{self.path} already holds a run: add --resume to continue it, or name another "
                "folder with -o"
            )
        kept = (n for n in (*TRAINING_FILES, *EVALUATION_FILES) if n not in START_FILES)
        found = self._first_of(kept)
        if not resume and found:
            raise UserError(
                f"{self.path} already holds files of a run without a state to resume ({found}): "
                "delete them, or name another folder with -o"
            )

    def check_report(self) -> None:
        """Make sure that the report of an evaluation overwrites no training run.

        Raises:
            UserError: the folder holds one.
        """
        found = self._first_of(TRAINING_FILES)
        if found:
            raise UserError(
                f"{self.path} already holds a run ({found}): name another folder with --report"
            )

    def _require_files(self) -> None:
        """Raise UserError if one of the run's files is a pipe or a device, which might block."""
        for name in (*TRAINING_FILES, *EVALUATION_FILES):
            if "." in name and (other := other_kind(self.path / name)):
                raise UserError(
                    f"{self.path / name} is {other}, not a file: remove it, or name another folder "
                    "with -o"
                )

    def _first_of(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if (self.path / name).exists()), None)

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file into the folder."""
        text = json.dumps(content, indent=2)
        write_atomically(self.path / name, lambda path: path.write_text(text, encoding="utf-8"))

    def append_environment(self, environment: Mapping[str, Any]) -> None:
        """Add an entry to environment.json, which has one for the start and each resumption."""
        known = (self.path / "environment.json").exists()
        entries = read_environment(self.path, "delete it to go on") if known else []
        self.write_json("environment.json", [*entries, environment])

    def facts(self) -> dict[str, str]:
        """What a report says of where a run comes from, by the newest entry of environment.json."""
        if not (self.path / "environment.json").exists():
            return {"run": str(self.path)}
        entry = read_environment(self.path, "delete it for a report without these facts")[-1]
        machine = entry["gpu"] or f"{entry['processor']}, {entry['cores']} cores"
        return {
            "run": str(self.path),
            "command": entry["command"],
            **{name: entry[name] for name in ("data", "weights", "start") if name in entry},
            **({"start, SHA-256": entry["start_sha256"]} if entry.get("start_sha256") else {}),
            "commit": entry["commit"],
            "machine": f"{machine}; torch {entry['versions']['torch']}",
        }

    def write_metrics(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write metrics.csv: one row an epoch, empty cells where an epoch was not evaluated."""
        columns = list(dict.fromkeys(key for row in history for key in row))

        def write(path: Path) -> None:
            with path.open("w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, columns)
                table.writeheader()
                table.writerows(history)

        write_atomically(self.metrics, write)


def latest_run_path(parent: Path, name: str | None = None) -> Path:
    """The run that was begun or saved last, of those that a process holds or that can be resumed.

    A run that ended before it had saved its state kept nothing, so the one before it is meant.

    Args:
        parent: the folder of all runs.
        name: what the folders of the run's experiment are called, up to a number; None for any.

    Returns:
        The run's folder; without a name, `parent/name` if there is none.

    Raises:
        UserError: no name is given, and there is no run.
        FolderInUseError: another process holds the run.
    """
    pattern = re.compile(r".*" if name is None else rf"{re.escape(name)}(-\d+)?")
    times: dict[Path, float] = {}
    for file in ("config.json", "state.pth"):
        for path in parent.glob(f"*/{file}"):
            if pattern.fullmatch(path.parent.name):
                times[path.parent] = max(path.stat().st_mtime, times.get(path.parent, 0.0))
    dead: list[Path] = []
    for path in sorted(times, key=times.__getitem__, reverse=True):
        require_unclaimed(path, IN_USE)
        if RunFolder(path).state.is_file():
            if dead:
                logger.warning(
                    "{} ended before anything was saved: this resumes {}",
                    ", ".join(map(str, dead)),
                    path,
                )
            return path
        dead.append(path)
    if name is None and not dead:
        raise UserError(f"nothing to resume: there is no run in {parent}; name one with -o")
    return dead[0] if dead else parent / str(name)
