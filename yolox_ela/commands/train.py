"""`yolox-ela train`: train an experiment and evaluate it."""

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import torch
from loguru import logger

from yolox_ela.augment.loader import require_batch_fits
from yolox_ela.commands import train_detector, train_host
from yolox_ela.commands.entry import launcher_words
from yolox_ela.commands.exit_codes import EXIT_INTERRUPTED
from yolox_ela.commands.json_results import SCREEN, write_result
from yolox_ela.commands.launcher import launch
from yolox_ela.commands.resume_options import PACKAGE_EXPERIMENT, kept_options
from yolox_ela.commands.train_options import configured, wants_largest_batch
from yolox_ela.commands.training import FinishedRun
from yolox_ela.errors import UserError
from yolox_ela.evaluate.results_text import results_text
from yolox_ela.experiment import Experiment, load_trainable
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.overrides import override
from yolox_ela.run_settings import RunSettings
from yolox_ela.system.determinism import compute_deterministically
from yolox_ela.system.device import select_device
from yolox_ela.system.environment import describe_environment
from yolox_ela.system.logs import collect_log, log_to_file
from yolox_ela.system.threads import threads_of_environment
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.batch_size import require_cuda
from yolox_ela.train.checkpoint import require_same_epochs
from yolox_ela.train.engine import Training
from yolox_ela.train.run_claim import claim_run, required_path
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.time_limit import TimeLimit
from yolox_ela.train.together import on_main, together


def kind_of(exp: RunSettings) -> ModuleType:
    """The part of this command for what an experiment trains."""
    return train_detector if isinstance(exp, Experiment) else train_host


def main(args: argparse.Namespace) -> int:
    """Run the command; see `train_options.parse`."""
    with ExitStack() as held:  # the run's folder and log are released at the end, also by an error
        finished = run(args, held)
        finished.training.accelerator.end_training()  # only one process has more to do
        if finished.results is None:
            return EXIT_INTERRUPTED
        if finished.training.accelerator.is_main_process:
            if args.json != SCREEN:
                print(results_text(finished.results))
            page = keep(args, finished, finished.results)
            show_next_steps(args, finished, page)
    return 0


def run(args: argparse.Namespace, held: ExitStack) -> FinishedRun:
    """Train; the run's folder and log are entered into `held`."""
    exp = configured(load_trainable(args.experiment), args)
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

    kind = kind_of(exp)
    state_file = folder.state if args.resume else None
    prepared = kind.prepare(args, exp, accelerator, state, state_file)
    exp, task, start = prepared.experiment, prepared.task, prepared.start
    if not args.resume:
        folder = RunFolder(on_main(accelerator, claim))
    training = Training(
        exp,
        prepared.network,
        task,
        folder,
        accelerator,
        start=start.name,
        start_sha256=start.sha256,
        start_detects=start.detects,
        trackers=args.tracker,
        compile=args.compile,
        time_limit=TimeLimit(args.time_limit, args.started, images=len(task.test_samples)),
    )
    if args.resume:
        together(accelerator, lambda: training.resume(state))
        state.clear()  # it holds the weights once more

    def begin() -> None:  # nothing is written before
        held.enter_context(log_to_file(folder.path / "train.log", earlier()))
        folder.append_environment(
            describe_environment(accelerator.device, accelerator.num_processes, args.call)
            | {"data": str(prepared.data.absolute()), "weights": start.report}
            | {"start": start.name, "start_sha256": start.sha256}
            | {"options": kept_options(args), "time_limit_seconds": args.time_limit}
        )
        if not args.resume:
            config = exp.to_dict() | {PACKAGE_EXPERIMENT: exp.package_name}
            folder.write_json("config.json", config)

    on_main(accelerator, begin)
    logger.info("run folder: {}", folder.path)
    prepared.report()
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
    kind = kind_of(finished.experiment)
    if args.record:
        kind.record(args, finished.experiment, results, training)
    if args.no_report:
        return None
    page: Path = kind.write_report(finished.experiment, training)
    logger.info("report: {}", page)
    return page


def show_next_steps(args: argparse.Namespace, finished: FinishedRun, page: Path | None) -> None:
    """Print the commands to try next."""
    kind = kind_of(finished.experiment)
    logger.info("commands to try next:")
    screen = sys.stderr if args.json == SCREEN else sys.stdout  # which is then for JSON alone
    text = kind.commands_to_try(args, finished.experiment, finished.training, page)
    print(text, file=screen, flush=True)


def launch_processes(args: argparse.Namespace, exp: RunSettings) -> NoReturn:
    """Run --devices processes of the same command, and end with them."""
    count = args.devices
    if not wants_largest_batch(args):
        require_batch_fits(exp.batch_size, count)
    if select_device(args.device).type == "cuda" and count > torch.cuda.device_count():
        raise UserError(f"-d {count}: there are {torch.cuda.device_count()} GPUs")
    required_path(args.output, args.home / "runs", run_name(args, exp), resume=args.resume)
    kind_of(exp).require_data(args, exp)  # one process downloads, and complains if it cannot
    command = [sys.executable, *launcher_words()]
    if args.output is not None and "output" not in args.given:
        command += ["-o", str(args.output)]  # the processes resume the same run
    threads = threads_of_environment()
    if threads is not None and args.threads is None and not args.resume:
        command += ["--threads", str(threads)]  # OMP_NUM_THREADS is always set for them
    sys.exit(launch(command, count))


def run_name(args: argparse.Namespace, exp: RunSettings) -> str:
    """The name of the run's folder in runs/, to which a number may be added."""
    return f"{exp.name}_sample" if args.sample else exp.name
