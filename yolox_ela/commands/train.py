"""`yolox-ela train`: train an experiment and evaluate it."""

import argparse
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from accelerate import Accelerator
from loguru import logger

from yolox_ela.augment.loader import require_batch_fits
from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.commands.entry import launcher_words
from yolox_ela.commands.exit_codes import EXIT_INTERRUPTED
from yolox_ela.commands.launcher import launch
from yolox_ela.commands.next_steps import next_steps
from yolox_ela.commands.options import SCREEN, data_name, write_result
from yolox_ela.commands.resume_options import PACKAGE_EXPERIMENT, kept_options
from yolox_ela.commands.train_inputs import (
    load_splits,
    open_feed,
    report_data,
    starting_weights,
    training_data,
)
from yolox_ela.commands.train_options import configured, wants_largest_batch
from yolox_ela.commands.trial import report_trial
from yolox_ela.errors import UserError
from yolox_ela.evaluate.results_text import format_results
from yolox_ela.evaluate.saved import load_evaluation
from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.network.starts import start_of_run
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.overrides import override
from yolox_ela.report.curves import read_metrics
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.system.determinism import compute_deterministically
from yolox_ela.system.device import select_device
from yolox_ela.system.environment import describe_environment
from yolox_ela.system.logs import collect_log, log_to_file
from yolox_ela.system.threads import threads_of_environment
from yolox_ela.tables.entry import checkpoint_origin, run_row
from yolox_ela.tables.record import append_row
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.batch_size import choose_batch_size, require_cuda
from yolox_ela.train.checkpoint import require_same_epochs
from yolox_ela.train.engine import Training
from yolox_ela.train.run_claim import claim_run, required_path
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.start import in_class_order_of, load_start
from yolox_ela.train.time_limit import TimeLimit
from yolox_ela.train.together import on_main, together


@dataclass(frozen=True)
class FinishedRun:
    """A training that has come to its end, or was stopped before.

    Attributes:
        experiment: the experiment as it was trained, with the data's sets and classes.
        training: the run, with its data, weights and folder.
        results: the last evaluation's; see `score_detections`. None if the run was asked to stop,
            or its time limit has ended it.
    """

    experiment: Experiment
    training: Training
    results: dict[str, Any] | None


def main(args: argparse.Namespace) -> int:
    """Run the command; see `train_options.parse`."""
    with ExitStack() as held:  # the run's folder and log are released at the end, also by an error
        finished = run(args, held)
        finished.training.accelerator.end_training()  # only one process has more to do
        if finished.results is None:
            return EXIT_INTERRUPTED
        if finished.training.accelerator.is_main_process:
            if args.json != SCREEN:
                print(format_results(finished.results))
            page = keep(args, finished, finished.results)
            show_next_steps(args, finished, page)
    return 0


def run(args: argparse.Namespace, held: ExitStack) -> FinishedRun:
    """Train; the run's folder and log are entered into `held`."""
    exp = configured(load_experiment(args.experiment), args)
    if args.devices > 1 and "WORLD_SIZE" not in os.environ:
        launch_processes(args, exp)
    if args.deterministic:
        compute_deterministically()
    accelerator = build_accelerator(args.device, exp.precision)
    if wants_largest_batch(args):
        require_cuda(accelerator.device)
    earlier = collect_log()
    runs, name = args.home / "runs", run_name(args, exp)
    path = on_main(accelerator, lambda: required_path(args.output, runs, name, resume=args.resume))

    def claim() -> Path:
        return held.enter_context(claim_run(path, runs, name, resume=args.resume)).path

    state: dict[str, Any] = {}
    if args.resume:  # held before it is read, so that nobody writes it meanwhile
        folder = RunFolder(on_main(accelerator, claim))
        state = together(accelerator, lambda: read_checkpoint(folder.state))
        if wants_largest_batch(args):  # the run has found it
            exp = override(exp, {"batch_size": state.get("recipe", {}).get("batch_size", 16)})
        together(accelerator, lambda: require_same_epochs(state, exp, folder.path))

    # All that can be wrong with the network shows here, before any image is read.
    together(accelerator, exp.build_model)
    # All that can be wrong with the input shows here, before a run folder exists.
    # The data come first, so that bad ones are refused before weights are downloaded.
    downloads = accelerator.is_main_process  # the others find what it has got
    data = together(accelerator, lambda: training_data(args, exp), first=downloads)
    reader = together(accelerator, lambda: open_as(exp, data))
    exp = together(accelerator, lambda: fitted_to_data(exp, reader, training=True))
    if exp.overfit:
        exp = override(exp, {"test_sets": exp.train_sets})
    if args.resume:
        exp = in_class_order_of(exp, state)
    model = exp.build_model()  # with the data's classes
    train_split, test_split = together(
        accelerator,
        lambda: load_splits(args, exp, reader),
        first=accelerator.is_local_main_process,  # the others find the images verified
    )
    if args.resume:
        start = start_of_run(state, folder.state)
    else:
        find = partial(starting_weights, args, exp.size)
        weights = together(accelerator, find, first=downloads)
        start = together(accelerator, lambda: load_start(exp, model, weights))
    if wants_largest_batch(args) and not args.resume:
        size = choose_batch_size(exp, model, len(train_split), accelerator)
        exp = override(exp, {"batch_size": size})
    feed = open_feed(args, exp, train_split, accelerator)
    if not args.resume:
        folder = RunFolder(on_main(accelerator, claim))
    training = Training(
        exp,
        model,
        train_split,
        test_split,
        folder,
        accelerator,
        start=start.name,
        start_sha256=start.sha256,
        start_detects=start.detects,
        trackers=args.tracker,
        feed=feed,
        compile=args.compile,
        time_limit=TimeLimit(args.time_limit, args.started, images=len(test_split)),
    )
    if args.resume:
        together(accelerator, training.resume)

    def begin() -> None:  # nothing is written before
        held.enter_context(log_to_file(folder.path / "train.log", earlier()))
        folder.append_environment(
            describe_environment(accelerator.device, accelerator.num_processes, args.call)
            | {"data": str(data.absolute()), "weights": start.report}
            | {"start": start.name, "start_sha256": start.sha256}
            | {"options": kept_options(args), "time_limit_seconds": args.time_limit}
        )
        if not args.resume:
            config = exp.to_dict() | {PACKAGE_EXPERIMENT: exp.package_name}
            folder.write_json("config.json", config)

    on_main(accelerator, begin)
    logger.info("run folder: {}", folder.path)
    report_data(reader, train_split, test_split)
    report_trial(exp)
    logger.info("weights: {}", start)
    training.choose_threads(args.threads)
    return FinishedRun(exp, training, training.run())


def keep(args: argparse.Namespace, finished: FinishedRun, results: dict[str, Any]) -> Path | None:
    """Write what the options ask for at the end of a run; the report's page, if there is one."""
    training, folder = finished.training, finished.training.folder
    kept = [str(path) for path in (folder.best, folder.last) if path.is_file()]
    logger.info("weights to use: {}", " and ".join(kept))  # no best one without scores
    if args.json:
        write_result(results, args.json)
    if args.record:
        record(args, finished.experiment, results, folder, training.accelerator)
    if args.no_report:
        return None
    evaluation = load_evaluation(folder.evaluation)
    material = RunMaterial(
        read_metrics(folder.metrics),
        finished.experiment,
        training.train_split,
        training.ema.result(),
    )
    page = write_single_report(folder.path, folder.path.name, folder.facts(), evaluation, material)
    logger.info("report: {}", page)
    return page


def show_next_steps(args: argparse.Namespace, finished: FinishedRun, page: Path | None) -> None:
    """Print the commands to try next."""
    folder, split = finished.training.folder, finished.training.test_split
    logger.info("commands to try next:")
    screen = sys.stderr if args.json == SCREEN else sys.stdout  # which is then for JSON alone
    text = next_steps(folder, finished.experiment, args.experiment, page, split)
    print(text, file=screen, flush=True)


def launch_processes(args: argparse.Namespace, exp: Experiment) -> NoReturn:
    """Run --devices processes of the same command, and end with them."""
    count = args.devices
    if not wants_largest_batch(args):
        require_batch_fits(exp.batch_size, count)
    if select_device(args.device).type == "cuda" and count > torch.cuda.device_count():
        raise UserError(f"-d {count}: there are {torch.cuda.device_count()} GPUs")
    required_path(args.output, args.home / "runs", run_name(args, exp), resume=args.resume)
    open_as(exp, training_data(args, exp))  # one process downloads, and complains if it cannot
    command = [sys.executable, *launcher_words()]
    if args.output is not None and "output" not in args.given:
        command += ["-o", str(args.output)]  # the processes resume the same run
    threads = threads_of_environment()
    if threads is not None and args.threads is None and not args.resume:
        command += ["--threads", str(threads)]  # OMP_NUM_THREADS is always set for them
    sys.exit(launch(command, count))


def run_name(args: argparse.Namespace, exp: Experiment) -> str:
    """The name of the run's folder in runs/, to which a number may be added."""
    return f"{exp.name}_sample" if args.sample else exp.name


def record(
    args: argparse.Namespace,
    exp: Experiment,
    results: dict[str, Any],
    folder: RunFolder,
    accelerator: Accelerator,
) -> None:
    """Add the run's row to the file of results."""
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
