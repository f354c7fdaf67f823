"""`yolox-ela report`: report on a run, or on several side by side."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.commands.json_results import write_result
from yolox_ela.errors import UserError
from yolox_ela.evaluate.saved import SavedEvaluation, load_evaluation
from yolox_ela.report.curves import Panels, read_metrics
from yolox_ela.report.hosts import PANELS, read_host_results, write_host_report
from yolox_ela.report.hosts_compared import HostRun, write_host_comparison
from yolox_ela.report.several import ScoredRun, write_comparison_report
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.schema import TEXT, record
from yolox_ela.system.claim import FolderClaim, claim_folder, claim_new_folder
from yolox_ela.system.json_files import read_json
from yolox_ela.train.run_files import read_config
from yolox_ela.train.run_folder import RunFolder

DETECTION = "detection"  # a task without a name in results, that of YOLOX
HELD_REMEDY = "name another folder with -o"
SIDE_REMEDY = "delete it, and say with --side what each run is a seed of"
# Settings in which seeds of one side may differ.
MAY_DIFFER = ("seed", "workers", "eval_interval", "evaluate_start", "evaluate_raw")


def main(args: argparse.Namespace) -> int:
    """Run the command; see `report_options.parse`."""
    runs = [RunFolder(path) for path in args.runs]
    task = common_task(runs)
    if task in PANELS:
        return report_hosts(runs, PANELS[task], args)
    if len(runs) == 1:
        evaluations = [load_evaluation(runs[0].evaluation)]
        sides = [runs[0].path.resolve().name]
        page = report_one(runs[0], args.output or runs[0].path, evaluations[0])
    else:
        sides = args.side or sides_of(runs)
        evaluations = [load_evaluation(run.evaluation) for run in runs]
        scored = [
            ScoredRun(str(run.path), side, evaluation, history_of(run))
            for run, side, evaluation in zip(runs, sides, evaluations, strict=True)
        ]
        with comparison_folder(args) as folder:
            page = write_comparison_report(folder.path, scored)
    finish(args, runs, sides, [evaluation.results for evaluation in evaluations], page)
    return 0


def report_one(run: RunFolder, output: Path, evaluation: SavedEvaluation) -> Path:
    """Write the report from what the run's folder holds: all but training batches and gates."""
    title = run.path.resolve().name
    material = RunMaterial(history=history_of(run))
    with claim_folder(output, HELD_REMEDY):
        return write_single_report(output, title, run.facts(), evaluation, material)


def common_task(runs: Sequence[RunFolder]) -> str:
    """What the runs train: a key of `PANELS`, or detection.

    Raises:
        UserError: they train different things.
    """
    tasks = {str(run.path): task_of(run) for run in runs}
    if len(set(tasks.values())) > 1:
        said = ", ".join(f"{path} {task}" for path, task in tasks.items())
        raise UserError(f"runs of one task are compared, and these are of several: {said}")
    return task_of(runs[0])


def task_of(run: RunFolder) -> str:
    """What a run trains, or what eval --report has evaluated."""
    if not run.evaluation.exists():  # which detection leaves, by YOLOX as by YOLOF
        if run.results.exists():
            kind = record({}, optional={"task": TEXT})
            return read_json(run.results, kind, "name another run").get("task", DETECTION)
        if (run.path / "config.json").exists():
            return read_config(run.path, "name the folder of a run").get("task", DETECTION)
    return DETECTION


def report_hosts(runs: Sequence[RunFolder], panels: Panels, args: argparse.Namespace) -> int:
    """Write the report of runs that trained classifiers or segmentation."""
    results = [read_host_results(run.results, panels) for run in runs]
    if len(runs) == 1:
        (run,), sides = runs, [runs[0].path.resolve().name]
        with claim_folder(args.output or run.path, HELD_REMEDY) as folder:
            page = write_host_report(
                folder.path, sides[0], run.facts(), results[0], history_of(run), panels
            )
    else:
        sides = args.side or sides_of(runs)
        compared = [
            HostRun(str(run.path), side, found, history_of(run))
            for run, side, found in zip(runs, sides, results, strict=True)
        ]
        with comparison_folder(args) as folder:
            page = write_host_comparison(folder.path, compared, panels)
    finish(args, runs, sides, results, page)
    return 0


def comparison_folder(args: argparse.Namespace) -> FolderClaim:
    """The folder of -o, or a new one in runs/."""
    if args.output is None:
        return claim_new_folder(args.home / "runs", "comparison")
    return claim_folder(args.output, HELD_REMEDY)


def finish(
    args: argparse.Namespace,
    runs: Sequence[RunFolder],
    sides: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    page: Path,
) -> None:
    """Write what --json asks for, and say where the page is."""
    if args.json:
        content = [
            {"run": str(run.path), "side": side, "results": found}
            for run, side, found in zip(runs, sides, results, strict=True)
        ]
        write_result(content, args.json)
    logger.info("report: {}", page)


def history_of(run: RunFolder) -> list[dict[str, float]]:
    """The run's epochs; none for weights that were only evaluated."""
    return read_metrics(run.metrics) if run.metrics.is_file() else []


def sides_of(runs: Sequence[RunFolder]) -> list[str]:
    """A name for each run: that of its experiment if all runs of it differ in the seed alone, else
    that of its folder.
    """
    configs = []
    for run in runs:
        known = (run.path / "config.json").exists()
        config = read_config(run.path, SIDE_REMEDY) if known else None
        if config:
            config["classes"] = sorted(config["classes"])  # their order means nothing
        configs.append(config and {k: v for k, v in config.items() if k not in MAY_DIFFER})
    names = []
    for run, config in zip(runs, configs, strict=True):
        alike = [other for other in configs if other and config and other["name"] == config["name"]]
        pooled = config is not None and all(other == config for other in alike)
        names.append(config["name"] if config and pooled else run.path.resolve().name)
    return names
