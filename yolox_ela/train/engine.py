"""The training loop: what happens in which order, in one process or many, on any device."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from accelerate import Accelerator
from loguru import logger
from torch import nn

from yolox_ela.augment.feed import Batch
from yolox_ela.augment.loader import require_batch_fits, steps_per_epoch
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.run_settings import RunSettings
from yolox_ela.system.environment import source_commit
from yolox_ela.train.bar import StepLog, TrainingBar
from yolox_ela.train.data_of_run import keep_data
from yolox_ela.train.evaluation import RunEvaluator
from yolox_ela.train.progress import Progress, Stopwatch, headline, score_text
from yolox_ela.train.records import RunRecords
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.run_steps import RunSteps
from yolox_ela.train.saving import Origin, RunSaver
from yolox_ela.train.schedule import warn_of_long_warmup
from yolox_ela.train.stop import StopRequest
from yolox_ela.train.task import Task
from yolox_ela.train.thread_choice import choose_threads, fix_threads
from yolox_ela.train.time_limit import TimeLimit
from yolox_ela.train.together import any_process, on_main, together
from yolox_ela.train.tracker_names import DEFAULT_TRACKERS
from yolox_ela.train.trackers import RunTrackers

SAVE_SECONDS = 600  # state.pth is also written this often within an epoch


class Training:
    """A run in progress.

    Args:
        recipe: all settings.
        model: the network at its starting weights.
        task: the data, the loss and the evaluation.
        folder: where everything is written, created.
        accelerator: device, precision and processes.
        start: what the starting weights are called in tables of results.
        start_sha256: their digest; see `Start`.
        start_detects: whether they detect all classes already; see `Start`.
        trackers: names of trackers to log to; see `require_trackers`.
        compile: see `NetworkStep`.
        time_limit: when to stop; by default never.

    Raises:
        UserError: the batch cannot be split over the processes, or class weights are given to
            classes that the data do not have.
    """

    def __init__(
        self,
        recipe: RunSettings,
        model: nn.Module,
        task: Task,
        folder: RunFolder,
        accelerator: Accelerator,
        *,
        start: str = "",
        start_sha256: str = "",
        start_detects: bool = False,
        trackers: Sequence[str] = DEFAULT_TRACKERS,
        compile: bool = False,
        time_limit: TimeLimit | None = None,
    ) -> None:
        require_batch_fits(recipe.batch_size, accelerator.num_processes)
        self.recipe, self.folder, self.accelerator = recipe, folder, accelerator
        self.task, self.device = task, accelerator.device
        self.origin = Origin(start, start_sha256, source_commit())
        self.step = task.build_step(model, compile=compile)
        self.network, self.ema = self.step.network, self.step.ema
        names = trackers if accelerator.is_main_process else ()
        self.trackers = RunTrackers(names, folder, recipe.to_dict())
        self.steps_per_epoch = steps_per_epoch(len(task.train_samples), recipe)
        basis = (recipe, folder, accelerator, self.trackers)
        self.records = RunRecords(*basis, self.steps_per_epoch, task.columns)
        self.evaluator = RunEvaluator(task, accelerator, folder, self.trackers, self.records.pace)
        self.steps = RunSteps(self.step, task, self.records)
        self.saver = RunSaver(folder, recipe, task, accelerator)
        self.time_limit = time_limit or TimeLimit()
        choice = recipe.evaluate_start
        self.evaluates_start = choice == "always" or (choice == "auto" and start_detects)
        self.out_of_time = False  # whether this limit has ended the run
        self.total_steps = self.steps_per_epoch * recipe.epochs
        warn_of_long_warmup(self.total_steps, recipe)

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        return self.records.progress

    def run(self) -> dict[str, Any] | None:
        """Train to the end, until `patience` is at its end, or until asked to stop.

        Returns:
            The last evaluation's results (see `Task.evaluate`), or None if asked to stop.

        Raises:
            UserError: a tracker cannot start, the loss is no longer finite, data cannot be read,
                or the disk is full.
        """
        if self.records.is_complete():
            logger.info("{} is complete; nothing left to train", self.folder.path)
            self.records.report_patience()
            return self.task.read_results(self.folder.results)
        data = (self.folder.data, self.task.train_samples, self.task.test_samples)
        on_main(self.accelerator, lambda: keep_data(*data))
        with ExitStack() as stack:
            together(self.accelerator, lambda: stack.enter_context(self.trackers))
            results = self._train(stack.enter_context(StopRequest()))
        self.records.report_patience()
        if self.records.is_complete():
            self.records.report_start()
        else:
            logger.info(
                "stopped after step {} of {}; {} holds everything: continue with the same command "
                "and --resume",
                self.progress.step,
                self.total_steps,
                self.folder.state,
            )
            return None
        return results

    def _train(self, stop: StopRequest) -> dict[str, Any] | None:
        """Run steps until the end or a stop; the last evaluation's results, if there was one."""
        results = None
        if self.progress.step == 0 and self.evaluates_start and not self.progress.history:
            self._evaluate_start()
        if self.records.epoch_is_open():  # stopped while it was evaluated
            results = self._end_epoch()
            if self.records.is_complete():
                return results
        saved_at = time.monotonic()
        main = self.accelerator.is_main_process
        bar = TrainingBar(self.total_steps, self.progress.step, main_process=main)
        log = StepLog(enabled=main and bool(bar.disable))
        with bar:
            for batch in self._batches():
                losses = self._train_step(batch)
                bar.update()
                if losses is not None:
                    status = self.records.status(self.steps.last_rate(), losses)
                    bar.show(status)
                    log.show(status)
                ended = self.records.epoch_is_open()
                if ended:
                    self.steps.require_sound()
                    results = self._end_epoch() or results
                stopping = saving = late = False
                # Several processes exchange nothing more often than losses are read.
                if self.accelerator.num_processes == 1 or self.steps.is_read_step():
                    saving = time.monotonic() - saved_at > SAVE_SECONDS
                    late = self.time_limit.is_near(self.records.pace, self.steps.read_interval + 1)
                    wishes = (stop.requested, saving, late)
                    stopping, saving, late = any_process(self.accelerator, *wishes)
                if not ended and (stopping or saving or late):
                    self.steps.require_sound()
                    self.save_state()
                if ended or saving:
                    saved_at = time.monotonic()
                if late and not self.records.is_complete():
                    self.out_of_time = True
                    self._keep_present(evaluated=ended and "eval_seconds" in self._newest_row())
                if stopping or late or self.records.is_complete():
                    break
                self.records.restart_watch()  # evaluation and saving are not part of a step
        return results

    def _batches(self) -> Iterator[Batch]:
        """The remaining batches; the time spent waiting for them is recorded."""
        loader = self.task.loader(
            start=self.progress.step,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )
        self.records.restart_watch()
        for batch in loader:
            self.records.add_wait()
            yield batch

    def _train_step(self, batch: Batch) -> list[float] | None:
        """One optimizer step; the losses if they were read at this step."""
        return self.steps.take(batch)

    def _end_epoch(self) -> dict[str, Any] | None:
        """Evaluate if it is time, and record the epoch; the results if evaluated."""
        recipe = self.recipe
        row = self.records.epoch_row(self.steps.last_rate())
        results, network = None, self.ema.result()
        if row["epoch"] % recipe.eval_interval == 0 or row["epoch"] == recipe.epochs:
            self.save_state()  # an evaluation is long, and may be cut off
            evaluation = Stopwatch()
            results = self._evaluate(network)
            row |= headline(results, self.task.columns)
            if recipe.evaluate_raw:
                row |= self.evaluator.unaveraged(self.step)
            row["eval_seconds"] = round(evaluation.lap(), 3)
        is_best = self.records.close_epoch(row)
        if self.accelerator.is_main_process:
            self.saver.save_weights(network, row, self.origin, is_best=is_best)
            self.records.write(results)
        # Last: if a file before it cannot be written, the epoch's end is repeated on resumption.
        self.save_state()
        return results

    def _newest_row(self) -> dict[str, Any]:
        return self.progress.history[-1] if self.progress.history else {}

    def _keep_present(self, *, evaluated: bool) -> None:
        """Write last.pth and results.json for the weights at which the time limit stops the run.

        The history and best.pth stay as they are, so that a resumed run goes on as if it had not
        been stopped.

        Args:
            evaluated: whether the end of an epoch has just done so.
        """
        logger.info("the time limit of {} is near", self.time_limit)
        if evaluated:
            return
        epoch, rest = divmod(self.progress.step, self.steps_per_epoch)
        row: dict[str, Any] = {"epoch": epoch}
        network = self.ema.result()
        if rest:
            row["epoch"] = round(self.progress.step / self.steps_per_epoch, 3)
        in_time = self.time_limit.suffices(self.records.pace)
        if any_process(self.accelerator, not in_time)[0]:
            logger.warning("no time is left to evaluate: last.pth is saved without scores")
        else:
            results = self._evaluate(network)
            row |= headline(results, self.task.columns)
            logger.info(
                "epoch {}: {}",
                row["epoch"],
                score_text(row, self.records.metric, self.task.columns) or "nothing to score",
            )
            if self.accelerator.is_main_process:
                self.folder.write_json("results.json", results)
        if self.accelerator.is_main_process:
            self.saver.save_weights(network, row, self.origin, is_best=False)

    def _evaluate_start(self) -> None:
        """Evaluate the starting weights, as epoch 0 of the history; a resumed run keeps it."""
        columns = self.task.columns
        row = {"epoch": 0, **headline(self._evaluate(self.ema.result()), columns)}
        self.progress.history.append(row)
        scores = score_text(row, columns.headline, columns)
        logger.info("before training: {}", scores or "nothing to score")
        self.save_state()

    def _evaluate(self, network: nn.Module) -> dict[str, Any]:
        """Evaluate averaged weights on the test split; every process gets the same results."""
        return self.evaluator.averaged(network, self.progress.step)

    def choose_threads(self, fixed: int | None = None) -> None:
        """Set the number of threads that the run computes with; call it once, before `run`.

        A resumed run keeps the number that its state names, since sums over another number of
        threads are rounded differently.

        Args:
            fixed: the number that the user asks for; None times a few steps, see `choose_threads`.
        """
        if fixed is not None:
            fix_threads(fixed)
        elif self.progress.step == 0:
            choose_threads(self.step, self.task, self.total_steps)

    def save_state(self) -> None:
        """Write state.pth: all that `resume` needs to continue as if nothing had happened."""
        self.saver.save_state(self.step, self.progress, self.origin)

    def resume(self, state: Mapping[str, Any] | None = None) -> None:
        """Continue from state.pth.

        Args:
            state: its content, for who has read it already.

        Raises:
            UserError: it is damaged, or belongs to other settings or data.
        """
        if state is None:
            state = read_checkpoint(self.folder.state)
        commit = self.origin.commit
        loaded = self.saver.load_state(state, self.step, self.steps_per_epoch, commit)
        self.records.progress, self.origin = loaded
        logger.info("resumed at step {} of {}", self.progress.step, self.total_steps)
