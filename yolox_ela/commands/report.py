"""Report on a run, or on several side by side.

python tools/report.py runs/nano_ela_s
python tools/report.py runs/nano runs/nano_ela_s
python tools/report.py runs/nano runs/nano-2 runs/nano_ela_s runs/nano_ela_s-2
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from loguru import logger

from yolox_ela.commands.options import tool_parser
from yolox_ela.errors import UserError
from yolox_ela.evaluate.saved import load_evaluation
from yolox_ela.report.curves import read_metrics
from yolox_ela.report.several import ScoredRun, write_comparison_report
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.system.claim import claim_folder, claim_new_folder
from yolox_ela.train.run_folder import RunFolder

HELD_REMEDY = "name another folder with -o"
# Settings in which seeds of one side may differ.
MAY_DIFFER = ("seed", "workers", "eval_interval", "evaluate_start", "evaluate_raw")


def main(home: Path) -> int:
    """Run the command; `home` holds runs/ and datasets/."""
    args = parse_arguments(home)
    runs = [RunFolder(path) for path in args.runs]
    if len(runs) == 1 and args.side:
        raise UserError("--side names the sides of a comparison: give several runs")
    if args.side and len(args.side) != len(runs):
        raise UserError(f"--side needs a name for each of the {len(runs)} runs")
    if len(runs) == 1:
        page = report_one(runs[0], args.output or runs[0].path)
    else:
        sides = args.side or sides_of(runs)
        scored = [
            ScoredRun(str(run.path), side, load_evaluation(run.evaluation), history_of(run))
            for run, side in zip(runs, sides, strict=True)
        ]
        if args.output is None:
            claim = claim_new_folder(args.home / "runs", "comparison")
        else:
            claim = claim_folder(args.output, HELD_REMEDY)
        with claim as folder:
            page = write_comparison_report(folder.path, scored)
    logger.info("report: {}", page)
    return 0


def parse_arguments(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`."""
    parser = tool_parser(__doc__.splitlines()[0], experiment=False)
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folders of train.py or eval.py --report"
    )
    parser.add_argument(
        "--side",
        nargs="+",
        metavar="NAME",
        help="what each run is a seed of; default its experiment and settings",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder; default the run's, or a new runs/comparison for several",
    )
    parser.set_defaults(home=home)
    return parser.parse_args()


def report_one(run: RunFolder, output: Path) -> Path:
    """From what the run's folder holds: all but training batches and gates."""
    evaluation = load_evaluation(run.evaluation)
    title = run.path.resolve().name
    material = RunMaterial(history=history_of(run))
    with claim_folder(output, HELD_REMEDY):
        return write_single_report(output, title, run.facts(), evaluation, material)


def history_of(run: RunFolder) -> list[dict[str, float]]:
    """The run's epochs; none for weights that were only evaluated."""
    return read_metrics(run.metrics) if run.metrics.is_file() else []


def sides_of(runs: Sequence[RunFolder]) -> list[str]:
    """Seeds of one experiment are a side, if nothing else about them differs."""
    configs = []
    for run in runs:
        path = run.path / "config.json"
        config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        if config:
            config["classes"] = sorted(config["classes"])  # their order means nothing
        configs.append(config and {k: v for k, v in config.items() if k not in MAY_DIFFER})
    names = []
    for run, config in zip(runs, configs, strict=True):
        alike = [other for other in configs if other and config and other["name"] == config["name"]]
        pooled = config is not None and all(other == config for other in alike)
        names.append(config["name"] if config and pooled else run.path.resolve().name)
    return names
