"""`yolox-ela study`: run many trainings as one question, and say what their scores support."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loguru import logger

from yolox_ela.commands.exit_codes import EXIT_INTERRUPTED
from yolox_ela.commands.study_inputs import (
    PreparedMethods,
    check_inputs,
    costs_of,
    prepare,
    zero_shot_groups,
)
from yolox_ela.errors import UserError
from yolox_ela.report.style import to_png
from yolox_ela.study.books import Books
from yolox_ela.study.findings import find
from yolox_ela.study.plan import TRAIN, Group, Run, evaluations, groups_of, trainings
from yolox_ela.study.plot import plot_study
from yolox_ela.study.side_by_side import Job, Processes
from yolox_ela.study.slots import slots_of
from yolox_ela.study.table import short_table, study_table
from yolox_ela.system.claim import claim_folder, require_unclaimed
from yolox_ela.system.files import write_atomically
from yolox_ela.system.program import command_words
from yolox_ela.tables.layout import Table, insert_block, render
from yolox_ela.train.run_folder import IN_USE, RunFolder
from yolox_ela.train.stop import StopRequest

EXIT_FAILED = 1  # some runs have failed, the others have not
# Exit codes of a run that was asked to stop: in its training, or while it was still starting.
STOPPED = (EXIT_INTERRUPTED, -signal.SIGTERM)


def main(args: argparse.Namespace) -> int:
    """Run the command; see `study_options.parse`."""
    prepared = prepare(args)
    books = open_books(args, prepared, groups_of(args.study))
    failures: dict[Run, str] = {}
    if not args.table and books.pending:
        check_inputs(args, prepared)
        books = open_books(args, prepared, zero_shot_groups(args, prepared))
        failures = run_pending(args, books)
    for run, failure in failures.items():
        print(f"error: {run} has failed: {failure}", file=sys.stderr)
    if not args.table and set(books.pending) - set(failures):
        logger.info(
            "stopped with {} of {} runs recorded; the same command goes on, and --table shows what "
            "is recorded",
            len(books.records),
            len(books.runs),
        )
        return EXIT_INTERRUPTED
    write_tables(args, books, prepared)
    return EXIT_FAILED if failures else 0


def open_books(
    args: argparse.Namespace, prepared: PreparedMethods, zero_shot: Sequence[Group]
) -> Books:
    """All runs of the study, with what is recorded of them.

    Args:
        args: the options.
        prepared: the methods.
        zero_shot: the groups in which the start without training stands beside.
    """
    runs = trainings(args.study, quick=args.quick)
    if not args.quick:  # a trial has other images than these evaluations
        base = {group: prepared[group, args.study.baseline] for group in groups_of(args.study)}
        recipes = {group.path: one.experiment for group, one in base.items()}
        runs += evaluations(args.study, recipes, zero_shot)
    return Books(args.output, runs)


def run_pending(args: argparse.Namespace, books: Books) -> dict[Run, str]:
    """Run what is not recorded, and record each run as it ends.

    Returns:
        By run that has failed, the reason. Runs that are still pending and not among them were
        stopped, by a signal or the time limit.

    Raises:
        UserError: another process holds a run's folder, or the disk is full.
    """
    pending = books.pending
    for run in pending:
        require_unclaimed(books.run_folder(run), IN_USE)
    device, slots = slots_of(args.device, args.jobs, args.threads)
    jobs = [job_of(args, books, run, device) for run in pending]
    logger.info(
        "{} runs, {} of them recorded; {} at a time on {}; logs in {}",
        len(books.runs),
        len(books.records),
        min(len(slots), len(pending)),
        device,
        args.output / "runs",
    )
    end = args.started + args.time_limit if args.time_limit else float("inf")
    failures: dict[Run, str] = {}
    with claim_folder(args.output / "runs", IN_USE), StopRequest() as stop:
        processes = Processes(slots, lambda: stop.requested or time.monotonic() >= end)
        for index, code in processes.run(jobs):
            run, job = pending[index], jobs[index]
            if code == 0:
                books.keep(run)
                logger.info("{} has ended: {} of {}", run, len(books.records), len(books.runs))
            elif not (processes.stopping() and code in STOPPED):
                failures[run] = f"exit code {code}; the end of {job.log}:\n{job.tail()}"
                logger.warning("{} has failed; the others go on", run)
    return failures


def job_of(args: argparse.Namespace, books: Books, run: Run, device: str) -> Job:
    """The command of a run, which goes on where it was stopped."""
    folder, data = books.run_folder(run), run.group.data
    words = [*command_words(run.command), *run.words(args.study.path)]
    words += ["--data", str(args.data[data.name]), "--device", device, "-o", str(folder.absolute())]
    if not args.quick:
        words += ["--record", str(books.row_path(run).absolute())]
        words += ["--data-name", data.label] if data.label else []
    if device == "cpu" and "workers" not in run.asked:
        words.append("workers=0")  # the cores are for runs
    if run.command == TRAIN:
        words += ["--no-report", "--tracker", "none"]
        words += ["--resume"] if RunFolder(folder).state.is_file() else []
    return Job(words, books.log_path(run))


def write_tables(args: argparse.Namespace, books: Books, prepared: PreparedMethods) -> None:
    """Print the tables, and write them and their pictures into the study's folder.

    Raises:
        UserError: nothing is recorded, or a file cannot be written.
    """
    study, tables = args.study, []
    groups = [group for group in groups_of(study) if books.of_group(group)]
    if not groups:
        raise UserError(f"no run of {study.path} is recorded in {args.output / 'detections'}")
    for group in groups:
        table, picture = table_and_picture(args, books, group, prepared)
        tables.append(table)
        several = "" if len(groups) == 1 else f"-{group.data.name}-{group.recipe.name}"
        write(args.output / f"differences{several}.png", picture)
    text = render(tables, "markdown")
    write(args.output / "table.md", text.encode())
    write(args.output / "table.json", render(tables, "json").encode())
    if args.rows:
        text = render([short_table(table, args.rows) for table in tables], "markdown")
    for path in args.into:
        insert_block(path, f"study {study.name}", text)
    print(render(tables, "text"), end="")


def table_and_picture(
    args: argparse.Namespace, books: Books, group: Group, prepared: PreparedMethods
) -> tuple[Table, bytes]:
    """The table of a group and the content of its PNG."""
    records, split, study = books.of_group(group), books.objects_of(group), args.study
    findings = find(records, split, study.baseline)
    costs = costs_of(study, group, list(records), prepared)
    size = prepared[group, study.baseline].experiment.image_size
    table = study_table(group, findings, costs, split, study.baseline, size)
    picture = plot_study(table.title, findings, costs, study.baseline, split.headline)
    return table, to_png(picture)


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
