"""`yolox-ela table`: print the project's tables, or write them into files."""

import argparse
from pathlib import Path

from yolox_ela.choices import ECA_NETS_DETECTORS
from yolox_ela.commands.json_results import SCREEN, write_result
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.system.device import select_device
from yolox_ela.system.files import write_atomically
from yolox_ela.system.program import command_text
from yolox_ela.tables.complexity import complexity_table
from yolox_ela.tables.cost import cost_tables, experiments_of
from yolox_ela.tables.hosts.accuracies import printed_table
from yolox_ela.tables.hosts.claims import claims_table
from yolox_ela.tables.hosts.complexity import host_tables
from yolox_ela.tables.hosts.detectors import detectors_table
from yolox_ela.tables.hosts.properties import properties_table
from yolox_ela.tables.hosts.results import read_results, results_table
from yolox_ela.tables.layout import Table, insert_block, render
from yolox_ela.tables.measurement import read_measurement
from yolox_ela.tables.record import RunRow, read_rows
from yolox_ela.tables.results import results_tables
from yolox_ela.tables.speed import SpeedSettings, measure_speed, speed_tables
from yolox_ela.tables.summary import summary_table


def main(args: argparse.Namespace) -> int:
    """Run the command; see `table_options.parse`."""
    deliver(BUILDERS[args.table](args), args)
    return 0


def build_complexity(args: argparse.Namespace) -> list[Table]:
    """Every experiment's network, or every size with every attention, or the paper's others."""
    if args.host:
        detectors = [name for name in args.host if name in ECA_NETS_DETECTORS]
        others = [name for name in args.host if name not in detectors]
        return [
            *(host_tables(others) if others else []),
            *([detectors_table(detectors)] if detectors else []),
            claims_table(),
            properties_table(),
        ]
    if args.size or args.attention:
        named = args.experiment if "experiment" in args.given else ()
        given = [load_experiment(path) for path in named]
        experiments = experiments_of(args.size, args.attention, given)
    else:
        experiments = [load_experiment(path) for path in args.experiment]
    return [complexity_table(experiments, args.image_size)]


def build_cost(args: argparse.Namespace) -> list[Table]:
    """What a recorded point of AP costs with each module, and with the next size of YOLOX."""
    return cost_tables([load_experiment(path) for path in args.experiment], read_rows(args.source))


def build_speed(args: argparse.Namespace) -> list[Table]:
    """The tables of speed of every experiment's network, measured now or read from a file."""
    if args.source:
        return speed_tables(read_measurement(args.source))
    settings = SpeedSettings(
        device=str(select_device(args.device)),
        modes=tuple(args.mode),
        precisions=tuple(args.precision),
        batches=tuple(args.batch_size),
        image_size=args.image_size,
        rounds=args.rounds,
    )
    measurement = measure_speed([load_experiment(path) for path in args.experiment], settings)
    if args.save:
        write_result(measurement, args.save)
    return speed_tables(measurement)


def build_results(args: argparse.Namespace) -> list[Table]:
    """The tables that compare recorded runs over seeds."""
    return results_tables(recorded(args.source))


def build_summary(args: argparse.Namespace) -> list[Table]:
    """The table of recorded runs, with a row for each method."""
    return [summary_table(recorded(args.source))]


def build_accuracies(args: argparse.Namespace) -> list[Table]:
    """Scores of the paper's other networks, recorded and printed."""
    rows = read_results(args.source) if args.source.exists() else []
    return [*([results_table(rows)] if rows else []), printed_table()]


def recorded(path: Path) -> list[RunRow]:
    """The rows of a record; UserError if it has none."""
    rows = read_rows(path)
    if not rows:
        raise UserError(
            f"{path} has no rows; {command_text('train')} and {command_text('eval')} add them "
            "with --record"
        )
    return rows


BUILDERS = {
    "complexity": build_complexity,
    "cost": build_cost,
    "speed": build_speed,
    "results": build_results,
    "summary": build_summary,
    "accuracies": build_accuracies,
}


def deliver(tables: list[Table], args: argparse.Namespace) -> None:
    """Write the tables where the options say; print them if they name no file."""
    for path in args.into:
        insert_block(path, block_name(args), render(tables, "markdown"))
    for path, style in ((args.output, args.style), (args.json, "json")):
        if path and path != SCREEN:
            write_text(render(tables, style), path)
    if args.json == SCREEN:
        print(render(tables, "json"), end="")
    elif not (args.output or args.json or args.into):
        print(render(tables, args.style), end="")


def block_name(args: argparse.Namespace) -> str:
    """The marks between which a table stands in Markdown files."""
    return "hosts" if getattr(args, "host", None) else args.table


def write_text(text: str, path: Path) -> None:
    """Write a file of text."""
    encoded = text.encode("utf-8", "backslashreplace")
    write_atomically(path, lambda temporary: temporary.write_bytes(encoded))
