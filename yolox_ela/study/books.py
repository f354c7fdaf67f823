"""The runs of a study with their files, and what is recorded of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.saved import load_evaluation
from yolox_ela.study.plan import Group, Run
from yolox_ela.study.records import (
    OBJECTS,
    Record,
    keep_objects,
    load_objects,
    load_record,
    save_record,
    write_rows,
)
from yolox_ela.tables.record import read_rows
from yolox_ela.train.run_folder import RunFolder


class Books:
    """What is recorded of a study.

    In its folder, `runs/` has a folder for each run, with weights, and `detections/` a small file
    for each run that has ended: its row and its detections. `results.csv` has the rows of these.

    Args:
        folder: the study's folder.
        runs: all runs, in the order in which tables show them.

    Raises:
        UserError: a record is damaged, or is that of a run with other settings.
    """

    def __init__(self, folder: Path, runs: Sequence[Run]) -> None:
        self.folder, self.runs = folder, runs
        self.records: dict[Run, Record] = {}
        for run in runs:
            if self.record_path(run).is_file():
                self.records[run] = self._read(run)

    @property
    def pending(self) -> list[Run]:
        """The runs that are not recorded."""
        return [run for run in self.runs if run not in self.records]

    def of_group(self, group: Group) -> dict[Run, Record]:
        """What is recorded of a group, in the order of the runs."""
        return {
            run: self.records[run]
            for run in self.runs
            if run.group == group and run in self.records
        }

    def objects_of(self, group: Group) -> VocSplit:
        """The images and objects that the recorded runs of a group were scored on."""
        return load_objects(self._objects_path(group))

    def run_folder(self, run: Run) -> Path:
        """The run's own folder, with its weights."""
        return self.folder / "runs" / run.path

    def row_path(self, run: Run) -> Path:
        """The file into which the run's command writes its row."""
        return self.run_folder(run).with_name(f"{run.path.name}.csv")

    def log_path(self, run: Run) -> Path:
        """The file that has all that the run has printed."""
        return self.run_folder(run).with_name(f"{run.path.name}.log")

    def record_path(self, run: Run) -> Path:
        """What is kept of the run."""
        return self.folder / "detections" / run.path.with_name(f"{run.path.name}.npz")

    def keep(self, run: Run) -> None:
        """Record a run that has ended well, and write results.csv anew.

        Raises:
            UserError: the run's files are damaged, it was scored on other images than those it is
                compared with, or the disk is full.
        """
        evaluation = load_evaluation(RunFolder(self.run_folder(run)).evaluation)
        split = keep_objects(self._objects_path(run.group), evaluation)
        has_row = self.row_path(run).is_file()  # a trial has none
        row = read_rows(self.row_path(run))[-1] if has_row else None
        detections = evaluation.in_class_order(split.classes).detections
        save_record(self.record_path(run), Record(run.asked, row, detections))
        self.records[run] = self._read(run)
        rows = [self.records[run].row for run in self.runs if run in self.records]
        write_rows(self.folder / "results.csv", [row for row in rows if row is not None])

    def _objects_path(self, group: Group) -> Path:
        return self.folder / "detections" / group.path / OBJECTS

    def _read(self, run: Run) -> Record:
        path = self.record_path(run)
        record = load_record(path)
        if record.asked != run.asked:
            raise UserError(
                f"{run} is recorded in {path} with other settings than the study says now: "
                f"{_changes(record.asked, run.asked)}; undo the change, delete that file and "
                f"{self.run_folder(run)} to run it again, or name another folder with -o"
            )
        return record


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The settings in which two requests differ."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(
        f"{name} was {before.get(name, 'not set')}, is {now.get(name, 'not set')}" for name in names
    )
