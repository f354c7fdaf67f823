"""Print the project's tables, or put them into files.

python tools/table.py complexity
python tools/table.py complexity --size tiny s m l x --attention none ela_s ela_t
python tools/table.py cost
python tools/table.py speed --save speed.json
python tools/table.py summary
python tools/table.py results
python tools/table.py results --style csv -o table.csv
python tools/table.py results --into exps/README.md
python tools/table.py summary --into docs/results.md
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from yolox_ela.attention_text import FORM
from yolox_ela.commands.options import tool_parser, write_result
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.sizes import SIZES
from yolox_ela.system.device import select_device
from yolox_ela.system.files import require_writable, write_atomically
from yolox_ela.tables.complexity import complexity_table
from yolox_ela.tables.cost import cost_tables, experiments_of
from yolox_ela.tables.layout import STYLES, Table, insert_block, render
from yolox_ela.tables.record import RunRow, read_rows
from yolox_ela.tables.results import results_tables
from yolox_ela.tables.speed import (
    MODES,
    PRECISIONS,
    SpeedSettings,
    measure_speed,
    read_measurement,
    speed_tables,
)
from yolox_ela.tables.summary import summary_table


def main(home: Path) -> int:
    """Run the command; `home` holds runs/ and datasets/."""
    args = parse_arguments(home)
    for path in filter(None, [args.output, *args.into]):
        require_writable(path)
    deliver(args.build(args), args)
    return 0


def parse_arguments(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`."""
    parser = tool_parser(__doc__.splitlines()[0], experiment=False)
    tables = parser.add_subparsers(dest="table", required=True)

    complexity = add_table(
        tables, "complexity", build_complexity, "parameters and operations beside the paper's"
    )
    add_experiments(complexity, home)
    add_networks(complexity)
    cost = add_table(tables, "cost", build_cost, "what a point of AP costs, beside the next size")
    add_experiments(cost, home)

    speed = add_table(tables, "speed", build_speed, "latency and images per second, in turns")
    add_experiments(speed, home)
    add_speed_options(speed)

    results = add_table(tables, "results", build_results, "scores over seeds, by what agrees")
    summary = add_table(tables, "summary", build_summary, "all recorded scores in one table")
    for command in (results, summary, cost):
        command.add_argument(
            "--from",
            dest="source",
            type=Path,
            default=home / "exps" / "results.csv",
            metavar="FILE",
            help="recorded runs; default exps/results.csv",
        )
    parser.set_defaults(home=home)
    return parser.parse_args()


def add_table(
    tables: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    build: Callable[[argparse.Namespace], list[Table]],
    description: str,
) -> argparse.ArgumentParser:
    """A subcommand with the options that all tables have; its name is also its block's."""
    parser = tables.add_parser(name, help=description, description=description)
    parser.set_defaults(build=build)
    parser.add_argument("--style", choices=STYLES, default="text")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write here, not print")
    parser.add_argument(
        "--into",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help=f"replace what is between <!-- {name} --> and <!-- /{name} --> in Markdown files",
    )
    return parser


def add_experiments(parser: argparse.ArgumentParser, home: Path) -> None:
    """-f with any number of experiment files."""
    parser.add_argument(
        "-f",
        "--experiment",
        type=Path,
        nargs="+",
        default=sorted((home / "exps").glob("*.py")),
        help="experiment files; default all in exps/",
    )


def add_networks(parser: argparse.ArgumentParser) -> None:
    """--size and --attention; with one of them, -f is the baseline unless it is given."""
    parser.set_defaults(experiment=None)
    parser.add_argument("--size", nargs="+", choices=SIZES, default=[], help="sizes of YOLOX")
    parser.add_argument(
        "--attention",
        nargs="+",
        default=[],
        metavar="TEXT",
        help=f"attention of each size: {FORM}",
    )


def add_speed_options(parser: argparse.ArgumentParser) -> None:
    """What to measure, or a saved measurement to show."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--mode", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp32"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16], help="default: 1 16")
    parser.add_argument("--image-size", type=int, default=640, help="default: 640")
    parser.add_argument("--rounds", type=int, default=20, help="default: 20")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the measurement as JSON")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="show a saved measurement instead"
    )


def build_complexity(args: argparse.Namespace) -> list[Table]:
    """Every experiment's network, or every size with every attention, counted."""
    if args.size or args.attention:
        given = [load_experiment(path) for path in args.experiment or ()]
        return [complexity_table(experiments_of(args.size, args.attention, given))]
    paths = args.experiment or sorted((args.home / "exps").glob("*.py"))
    return [complexity_table([load_experiment(path) for path in paths])]


def build_cost(args: argparse.Namespace) -> list[Table]:
    """What a recorded point of AP costs with each module, and with the next size of YOLOX."""
    return cost_tables([load_experiment(path) for path in args.experiment], read_rows(args.source))


def build_speed(args: argparse.Namespace) -> list[Table]:
    """Every experiment's network, timed now or as saved."""
    if args.source:
        return speed_tables(read_measurement(args.source))
    if args.save:
        require_writable(args.save)
    settings = SpeedSettings(
        device=str(select_device(args.device)),
        modes=tuple(args.mode),
        precisions=tuple(args.precision),
        batches=tuple(args.batch),
        image_size=args.image_size,
        rounds=args.rounds,
    )
    measurement = measure_speed([load_experiment(path) for path in args.experiment], settings)
    if args.save:
        write_result(measurement, args.save)
    return speed_tables(measurement)


def build_results(args: argparse.Namespace) -> list[Table]:
    """The recorded runs, compared over seeds."""
    return results_tables(recorded(args.source))


def build_summary(args: argparse.Namespace) -> list[Table]:
    """The recorded runs, each method in a row."""
    return [summary_table(recorded(args.source))]


def recorded(path: Path) -> list[RunRow]:
    """The rows of a record, of which there must be some."""
    rows = read_rows(path)
    if not rows:
        raise UserError(f"{path} has no rows; train.py and eval.py with --record add them")
    return rows


def deliver(tables: list[Table], args: argparse.Namespace) -> None:
    """Put the tables where the options want them; on the screen if nowhere else."""
    for path in args.into:
        insert_block(path, args.table, render(tables, "markdown"))
    if args.output:
        text = render(tables, args.style)
        write_atomically(args.output, lambda path: path.write_text(text, encoding="utf-8"))
    elif not args.into:
        print(render(tables, args.style), end="")
