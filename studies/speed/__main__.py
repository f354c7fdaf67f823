"""Measure this package side by side with what it replaces.

python -m studies.speed evaluate
python -m studies.speed evaluate --images 500 --rounds 5 --json evaluate.json
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from studies.speed import attention, cost, data, evaluate, infer, profiling, step, train
from yolox_ela.commands.entry import run
from yolox_ela.commands.json_results import write_result
from yolox_ela.commands.options import tool_parser
from yolox_ela.errors import UserError
from yolox_ela.system.files import require_writable


class Benchmark(NamedTuple):
    """A subcommand: what it says of itself, its options, and how to run it."""

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], dict[str, Any]]


BENCHMARKS = {
    "data": Benchmark("training samples beside yolox's", data.add_options, data.run),
    "attention": Benchmark(
        "ELA beside its definition, line by line", attention.add_options, attention.run
    ),
    "cost": Benchmark(
        "networks with attention beside the plain one, fused and exported",
        cost.add_options,
        cost.run,
    ),
    "step": Benchmark("a training step beside yolox's", step.add_options, step.run),
    "train": Benchmark("training from files beside yolox's", train.add_options, train.run),
    "profile": Benchmark(
        "operators and GPU kernels of training steps", profiling.add_options, profiling.run
    ),
    "infer": Benchmark("pictures to boxes beside yolox's", infer.add_options, infer.run),
    "evaluate": Benchmark(
        "average precision beside yolox, pycocotools and faster-coco-eval",
        evaluate.add_options,
        evaluate.run,
    ),
}


def main() -> int:
    args = parse_arguments()
    if args.rounds < 1:
        raise UserError(f"--rounds must be at least 1, got {args.rounds}")
    if args.json:
        require_writable(args.json)
    results = BENCHMARKS[args.benchmark].run(args)
    if args.json:
        write_result(results, args.json)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = tool_parser(__doc__.splitlines()[0], experiment=False)
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name, benchmark in BENCHMARKS.items():
        command = commands.add_parser(name, help=benchmark.help, description=benchmark.help)
        command.add_argument("--rounds", type=int, default=3, help="default: 3")
        command.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
        benchmark.add_options(command)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
