"""Training the paper's other networks: what the command needs beside what all trainings share."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from loguru import logger

from yolox_ela.commands.data_of_options import data_name
from yolox_ela.commands.host_options import refuse_options
from yolox_ela.commands.train_options import wants_largest_batch
from yolox_ela.commands.training import Prepared
from yolox_ela.commands.trial import report_trial
from yolox_ela.errors import UserError
from yolox_ela.evaluate.saved import load_evaluation
from yolox_ela.network.starts import start_of_run
from yolox_ela.overrides import override
from yolox_ela.report.curves import read_metrics
from yolox_ela.report.hosts import write_host_report
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.system.program import command_words, python_word
from yolox_ela.tables.hosts.results import append_results, read_results, result_rows
from yolox_ela.tasks.host_recipe import HostRecipe
from yolox_ela.tasks.host_start import load_start
from yolox_ela.train.engine import Training
from yolox_ela.train.together import together

# Options that are about detection alone.
UNKNOWN = ("sample", "archives", "recipe", "augment", "cache")


def require_data(args: argparse.Namespace, exp: HostRecipe) -> None:
    """UserError for missing data, or options that mean nothing here."""
    refuse_options(args, exp.name, UNKNOWN)
    if wants_largest_batch(args):
        raise UserError(
            f"-b auto is for YOLOX, whose learning rate follows the size of the batch: give "
            f"{exp.name} a number, as in -b 64"
        )
    if args.data is None:
        raise UserError(f"{exp.name} is trained on data of your own: name them with --data")
    if args.record and args.record.exists():
        read_results(args.record)  # refuses a file of other columns


def prepare(
    args: argparse.Namespace,
    exp: HostRecipe,
    accelerator: Accelerator,
    state: dict[str, Any],
    state_file: Path | None,
) -> Prepared:
    """The data, the network at its start, and the task; nothing is written.

    Args:
        args: the options.
        exp: the experiment, with the changes that the options make.
        accelerator: device, precision and processes.
        state: the state of the run to resume; empty for a new run.
        state_file: where the state was read from.
    """
    require_data(args, exp)
    if state:
        exp = override(exp, {"classes": tuple(state.get("classes", exp.classes))})
    train, test = together(
        accelerator,
        lambda: exp.load(args.data),
        first=accelerator.is_local_main_process,  # the others find the images verified
    )
    train, test = exp.trial_images(train, test)
    exp = override(exp, {"classes": train.classes})
    network = together(accelerator, exp.build_model)
    if state_file is not None:
        start = start_of_run(state, state_file)
    else:
        weights = None if args.checkpoint in (None, "none") else Path(args.checkpoint)
        start = together(accelerator, lambda: load_start(exp, network, weights))

    def report() -> None:
        logger.info(
            "data: {}: {} images to train on, {} to evaluate on, {} classes",
            args.data,
            len(train),
            len(test),
            len(exp.classes),
        )
        report_trial(exp, task.columns.panels.headline[1])

    task = exp.task_of(exp, train, test, accelerator)
    return Prepared(exp, network, task, start, args.data, report)


def write_report(exp: HostRecipe, training: Training) -> Path:
    """Write the report of a finished run; its page."""
    folder, task = training.folder, training.task
    results = task.read_results(folder.results)
    history = read_metrics(folder.metrics)
    if exp.task == "yolof":
        evaluation, material = load_evaluation(folder.evaluation), RunMaterial(history)
        return write_single_report(
            folder.path, folder.path.name, folder.facts(), evaluation, material
        )
    return write_host_report(
        folder.path, folder.path.name, folder.facts(), results, history, task.columns.panels
    )


def record(
    args: argparse.Namespace, exp: HostRecipe, results: dict[str, Any], training: Training
) -> None:
    """Add the run's row to the file of results."""
    network = training.ema.result()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    rows = result_rows(exp.to_dict(), results, data=data_name(args), parameters=parameters)
    append_results(args.record, rows)
    logger.info("recorded in {}", args.record)


def commands_to_try(
    args: argparse.Namespace, exp: HostRecipe, training: Training, page: Path | None
) -> str:
    """The commands to try next, a line each."""
    folder = training.folder
    weights = ["-c", str(folder.best if folder.best.is_file() else folder.last)]
    if not exp.package_name:  # then weights cannot find their experiment
        weights = ["-f", str(args.experiment), *weights]
    commands = []
    if page is not None:
        commands.append([python_word(), "-m", "webbrowser", page.absolute().as_uri()])
    commands.append([*command_words("eval"), *weights])
    if exp.task == "classification":
        picture = str(training.task.test_samples.paths[0])  # type: ignore[attr-defined]
        commands.append([*command_words("explain"), *weights, picture])
    return "\n".join(map(shlex.join, commands))
