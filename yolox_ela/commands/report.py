"""`yolox-ela report`: report on a run, or on several side by side."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from loguru import logger

from yolox_ela.commands.options import write_result
from yolox_ela.evaluate.saved import SavedEvaluation, load_evaluation
from yolox_ela.report.curves import Panels, read_metrics
from yolox_ela.report.hosts import PANELS, write_host_report
from yolox_ela.report.several import ScoredRun, write_comparison_report
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.schema import ANYTHING
from yolox_ela.system.claim import claim_folder, claim_new_folder
from yolox_ela.system.json_files import read_json
from yolox_ela.train.run_files import read_config
from yolox_ela.train.run_folder import RunFolder

HELD_REMEDY = "name another folder with -o"
SIDE_REMEDY = "delete it, and say with --side what each run is a seed of"
# Settings in which seeds of one side may differ.
MAY_DIFFER = ("seed", "workers", "eval_interval", "evaluate_start", "evaluate_raw")


def main(args: argparse.Namespace) -> int:
    """Run the command; see `report_options.parse`."""
    runs = [RunFolder(path) for path in args.runs]
    if len(runs) == 1 and (panels := host_panels(runs[0])) is not None:
        return report_host(runs[0], panels, args)
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
        if args.output is None:
            claim = claim_new_folder(args.home / "runs", "comparison")
        else:
            claim = claim_folder(args.output, HELD_REMEDY)
        with claim as folder:
            page = write_comparison_report(folder.path, scored)
    if args.json:
        content = [
            {"run": str(run.path), "side": side, "results": evaluation.results}
            for run, side, evaluation in zip(runs, sides, evaluations, strict=True)
        ]
        write_result(content, args.json)
    logger.info("report: {}", page)
    return 0


def report_one(run: RunFolder, output: Path, evaluation: SavedEvaluation) -> Path:
    """Write the report from what the run's folder holds: all but training batches and gates."""
    title = run.path.resolve().name
    material = RunMaterial(history=history_of(run))
    with claim_folder(output, HELD_REMEDY):
        return write_single_report(output, title, run.facts(), evaluation, material)


def host_panels(run: RunFolder) -> Panels | None:
    """The plots of a run that trained a classifier or a segmentation; None for detectors."""
    if not (run.path / "config.json").exists() or run.evaluation.exists():
        return None
    return PANELS.get(read_config(run.path, "name the folder of a run").get("task", ""))


def report_host(run: RunFolder, panels: Panels, args: argparse.Namespace) -> int:
    """Write the report of such a run."""
    results = read_json(run.results, ANYTHING, "resume the run to its end")
    output, title = args.output or run.path, run.path.resolve().name
    with claim_folder(output, HELD_REMEDY):
        page = write_host_report(output, title, run.facts(), results, history_of(run), panels)
    if args.json:
        write_result([{"run": str(run.path), "side": title, "results": results}], args.json)
    logger.info("report: {}", page)
    return 0


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
