"""Training YOLOX: what the command needs beside what all trainings have in common."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from loguru import logger

from yolox_ela.commands.data_of_options import data_name
from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.commands.next_steps import next_steps
from yolox_ela.commands.train_inputs import (
    load_splits,
    open_feed,
    report_data,
    starting_weights,
    training_data,
)
from yolox_ela.commands.train_options import wants_largest_batch
from yolox_ela.commands.training import Prepared
from yolox_ela.commands.trial import report_trial
from yolox_ela.evaluate.saved import load_evaluation
from yolox_ela.experiment import Experiment, network_of
from yolox_ela.network.starts import start_of_run
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.overrides import override
from yolox_ela.report.curves import read_metrics
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.tables.entry import checkpoint_origin, run_row
from yolox_ela.tables.record import append_row
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.batch_size import choose_batch_size
from yolox_ela.train.engine import Training
from yolox_ela.train.start import in_class_order_of, load_start
from yolox_ela.train.together import together


def require_data(args: argparse.Namespace, exp: Experiment) -> None:
    """Download the data if need be, and open them; UserError if that fails."""
    open_as(exp, training_data(args, exp))


def prepare(
    args: argparse.Namespace,
    exp: Experiment,
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
    # All that can be wrong with the network shows here, before any image is read.
    together(accelerator, lambda: network_of(exp))
    # All that can be wrong with the input shows here, before a run folder exists.
    # The data come first, so that bad ones are refused before weights are downloaded.
    downloads = accelerator.is_main_process  # the others find what it has got
    data = together(accelerator, lambda: training_data(args, exp), first=downloads)
    reader = together(accelerator, lambda: open_as(exp, data))
    exp = together(accelerator, lambda: fitted_to_data(exp, reader, training=True))
    if exp.overfit:
        exp = override(exp, {"test_sets": exp.train_sets})
    if state:
        exp = in_class_order_of(exp, state)
    model = network_of(exp)  # with the data's sets and classes, on which a user's may depend
    train_split, test_split = together(
        accelerator,
        lambda: load_splits(args, exp, reader),
        first=accelerator.is_local_main_process,  # the others find the images verified
    )
    if state_file is not None:
        start = start_of_run(state, state_file)
    else:
        find = partial(starting_weights, args, exp.size)
        weights = together(accelerator, find, first=downloads)
        start = together(accelerator, lambda: load_start(exp, model, weights))
    if wants_largest_batch(args) and state_file is None:
        size = choose_batch_size(exp, model, len(train_split), accelerator)
        exp = override(exp, {"batch_size": size})
    feed = open_feed(args, exp, train_split, accelerator)

    def report() -> None:
        report_data(reader, train_split, test_split)
        report_trial(exp, "AP50")

    task = Detection(exp, train_split, test_split, accelerator, feed)
    return Prepared(exp, model, task, start, data, report)


def write_report(exp: Experiment, training: Training) -> Path:
    """Write the report of a finished run; its page."""
    folder, task = training.folder, _detection(training)
    network: Any = training.ema.result()
    evaluation = load_evaluation(folder.evaluation)
    material = RunMaterial(read_metrics(folder.metrics), exp, task.train_samples, network)
    return write_single_report(folder.path, folder.path.name, folder.facts(), evaluation, material)


def record(
    args: argparse.Namespace, exp: Experiment, results: dict[str, Any], training: Training
) -> None:
    """Add the run's row to the file of results."""
    folder, accelerator = training.folder, training.accelerator
    content = read_checkpoint(folder.last)
    start = start_of_run(content, folder.last)
    origin = checkpoint_origin(content, exp, folder.last, start)
    name = "sample" if args.sample and not args.data_name else data_name(args)
    row = run_row(
        exp,
        origin,
        results,
        data=name,
        device=accelerator.device,
        processes=accelerator.num_processes,
    )
    append_row(args.record, row)
    logger.info("recorded in {}", args.record)


def commands_to_try(
    args: argparse.Namespace, exp: Experiment, training: Training, page: Path | None
) -> str:
    """The commands to try next, a line each."""
    return next_steps(
        training.folder, exp, args.experiment, page, _detection(training).test_samples
    )


def _detection(training: Training) -> Detection:
    assert isinstance(training.task, Detection)
    return training.task
