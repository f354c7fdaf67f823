"""`yolox-ela eval` for the paper's other networks, by the evaluation of their own training."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.commands.data_of_options import data_name
from yolox_ela.commands.data_of_weights import compare_with_run, data_of_weights
from yolox_ela.commands.evaluated import Evaluated, hold, keep_results, report_folder
from yolox_ela.commands.host_options import own_weights, refuse_options
from yolox_ela.commands.json_results import write_result
from yolox_ela.datasets.split import read_id_list
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import to_coco_results
from yolox_ela.evaluate.saved import SavedEvaluation, save_evaluation
from yolox_ela.images.values import ValueRange
from yolox_ela.network.starts import Start, start_of_file, start_of_run
from yolox_ela.network.weights import plain_state
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.report.hosts import write_host_report
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.run_settings import setting_fields
from yolox_ela.system.threads import limit_threads
from yolox_ela.tables.hosts.results import append_results, read_results, result_rows
from yolox_ela.tasks.host_recipe import HostRecipe
from yolox_ela.tasks.host_task import HostTask
from yolox_ela.tasks.host_trained import TrainedHost, load_trained_host
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.task import Evaluation

# Options that are about YOLOX alone.
UNKNOWN = ("zero_shot", "archives", "compile", "rectangular", "plain", "save_comp4")
DETECTORS = ("conf", "nms", "save_detections")  # options for recipes with `score_threshold`


def run(
    args: argparse.Namespace, held: ExitStack, show: Callable[[dict[str, Any]], None] | None = None
) -> Evaluated:
    """Evaluate; the arguments are those of `evaluate.run`."""
    report = report_folder(args)
    trained = load_trained_host(own_weights(args), args.experiment)
    exp = changed(args, trained.experiment)
    limit_threads()
    precision = args.precision if "precision" in args.given else exp.precision
    accelerator = build_accelerator(args.device, precision)
    network = trained.network(exp) if exp.classes else None  # what is wrong with it shows here
    named = args.data is not None
    if not named:
        args.data = data_of_run(trained, args.home)
    test = images(exp, args.data, trained)
    compare_with_run(trained.content, exp, test, args.data, trained.path, named=named)
    if args.ids:
        test = test.subset_of_ids(read_id_list(args.ids, test.ids))
    exp = override(exp, {"classes": test.classes})
    network = (network or trained.network(exp)).to(accelerator.device)
    if report is not None:
        hold(report, held)
    task: HostTask = exp.task_of(exp, test, test, accelerator)
    evaluation, start = task.evaluate(network), start_of(trained)
    results = evaluation.results
    results["settings"] = results.get("settings", {}) | {
        "experiment": exp.name,
        "checkpoint": str(args.checkpoint),
        "start": start.name,
        "start_sha256": start.sha256,
        "ids": str(args.ids) if args.ids else None,
        "device": str(accelerator.device),
        "precision": precision,
    }
    if show is not None:
        show(results)
    if args.json:
        write_result(results, args.json)
    if args.save_detections:
        write_result(to_coco_results(evaluation.found, test), args.save_detections)
    if args.record:
        parameters = sum(parameter.numel() for parameter in network.parameters())
        rows = result_rows(exp.to_dict(), results, data=data_name(args), parameters=parameters)
        append_results(args.record, rows)
        logger.info("recorded in {}", args.record)
    page: Path | None = None
    if report is not None:
        keep_results(report, args, accelerator.device, exp.name, start, results)
        page = write_report(report, task, evaluation)
        logger.info("report: {}", page)
    columns = task.columns
    return Evaluated(test, tuple(columns.scores), columns.headline, results, page)


def changed(args: argparse.Namespace, exp: HostRecipe) -> HostRecipe:
    """The experiment with the changes of the command line.

    Raises:
        UserError: an option means nothing for this network, or a setting has a bad value.
    """
    refuse_options(args, exp.name, UNKNOWN)
    known = {field.name for field in setting_fields(exp)}
    if "score_threshold" not in known:
        refuse_options(args, exp.name, DETECTORS, "detectors")
    typed: dict[str, Any] = dict(pairs_to_dict(args.overrides))
    if args.split:
        typed |= {"test_set": args.split} if "test_set" in known else {"test_sets": (args.split,)}
    exp = override(exp, typed)
    exp.validate()
    if args.record == args.home / "exps" / "results.csv":  # whose rows are of YOLOX
        args.record = args.home / "exps" / "hosts.csv"
    if args.record and args.record.exists():
        read_results(args.record)  # refuses a file of other columns
    return exp


def data_of_run(trained: TrainedHost, home: Path) -> Path:
    """The data that the weights were evaluated on; UserError if no run trained them."""
    if "recipe" not in trained.content:
        raise UserError(
            f"{trained.path} is of no run, whose data it could tell: name some by --data"
        )
    return data_of_weights(trained.path, trained.content, home) or home / "datasets"


def images(exp: HostRecipe, data: Path, trained: TrainedHost) -> Any:
    """The images to evaluate on: those of the run's last evaluation, also where it was a trial."""
    if exp.overfit or exp.quick:
        return exp.trial_images(*exp.load(data))[1]
    return exp.load_test(data, ValueRange.recorded(trained.content))


def start_of(trained: TrainedHost) -> Start:
    """Where the weights are from."""
    if "recipe" in trained.content:
        return start_of_run(trained.content, trained.path)
    return start_of_file(trained.path, plain_state(trained.content, trained.path))


def write_report(report: RunFolder, task: HostTask, evaluation: Evaluation) -> Path:
    """Write the report; its page."""
    title, facts, results = report.path.name, report.facts(), evaluation.results
    if evaluation.found is None:
        return write_host_report(report.path, title, facts, results, (), task.columns.panels)
    split: Any = task.test_samples
    saved = SavedEvaluation(evaluation.found, split, results)
    save_evaluation(report.evaluation, saved)
    return write_single_report(report.path, title, facts, saved, RunMaterial())
