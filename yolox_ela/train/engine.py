"""The training loop: one process or many, any device, resumable at any step."""

import copy
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NoReturn

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from loguru import logger
from torch import Tensor

from yolox_ela.augment.feed import Batch, Feed, HostFeed
from yolox_ela.augment.loader import (
    require_batch_fits,
    steps_per_epoch,
)
from yolox_ela.augment.multiscale import input_size, network_input
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.network.entries import require_state
from yolox_ela.network.model import YoloxNano
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.recipe import Recipe
from yolox_ela.report.curves import save_curves
from yolox_ela.system.environment import source_commit
from yolox_ela.train.bar import TrainingBar
from yolox_ela.train.checkpoint import require_same_run, save_checkpoint
from yolox_ela.train.data_of_run import data_entries, keep_data, require_same_data
from yolox_ela.train.evaluation import keep_evaluation, score_network
from yolox_ela.train.finite import all_finite, dump_non_finite, first_non_finite
from yolox_ela.train.progress import (
    LOSS_PARTS,
    Progress,
    StepMonitor,
    Stopwatch,
    epoch_line,
    headline,
    mean_over_processes,
    score_text,
)
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.run_timing import memory_in_use, summarise_timing
from yolox_ela.train.schedule import learning_rate
from yolox_ela.train.step import TrainStep
from yolox_ela.train.stop import StopRequest
from yolox_ela.train.together import on_main, together
from yolox_ela.train.tracker_names import DEFAULT_TRACKERS
from yolox_ela.train.trackers import RunTrackers
from yolox_ela.trained import package_name_of

SAVE_SECONDS = 600  # state.pth is also written this often within an epoch
DRAW_SECONDS = 60  # at least, between drawings of the curves, which take a second
READ_INTERVAL = 10  # steps between reads of the loss, on a GPU


class Training:
    """A run in progress.

    Args:
        recipe: all settings.
        model: the network at its starting weights.
        train_split: images to train on.
        test_split: images to evaluate on.
        folder: where everything is written, created.
        accelerator: device, precision and processes.
        start: what the starting weights are called in tables of results.
        start_sha256: their digest; see `Start`.
        trackers: names of trackers to log to; see `require_trackers`.
        feed: of samples of `train_split`, drawn by loader processes from files by default.
        compile: see `TrainStep`.

    Raises:
        UserError: the batch cannot be split over the processes.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: YoloxNano,
        train_split: VocSplit,
        test_split: VocSplit,
        folder: RunFolder,
        accelerator: Accelerator,
        *,
        start: str = "",
        start_sha256: str = "",
        trackers: Sequence[str] = DEFAULT_TRACKERS,
        feed: Feed | None = None,
        compile: bool = False,
    ) -> None:
        require_batch_fits(recipe.batch_size, accelerator.num_processes)
        self.recipe, self.folder, self.accelerator = recipe, folder, accelerator
        self.train_split, self.test_split = train_split, test_split
        self.start, self.start_sha256 = start, start_sha256
        self.device = accelerator.device
        self.feed: Feed = feed or HostFeed(train_split, recipe, self.device)
        self.samples: tuple[Tensor, Tensor] | None = None  # of the newest step
        self.step = TrainStep(model, recipe, accelerator, compile=compile)
        self.network, self.ema = self.step.network, self.step.ema
        self.progress = Progress()
        names = trackers if accelerator.is_main_process else ()
        self.trackers = RunTrackers(names, folder, recipe.to_dict())
        self.commit = source_commit()
        self.steps_per_epoch = steps_per_epoch(len(train_split), recipe)
        self.total_steps = self.steps_per_epoch * recipe.epochs
        if recipe.warmup_steps > self.total_steps / 2:
            logger.warning(
                "warm-up takes {} of the run's {} steps: with so few images, lower warmup_steps",
                recipe.warmup_steps,
                self.total_steps,
            )
        self.read_interval = 1 if self.device.type == "cpu" else READ_INTERVAL
        self.monitor = StepMonitor()
        self.watch = Stopwatch()
        self.drawn_at = time.monotonic()  # when the curves were, or the run began

    # The run

    def run(self) -> dict[str, Any] | None:
        """Train to the end, or until asked to stop.

        Returns:
            The last evaluation's results (see `score_detections`), or None if stopped early.

        Raises:
            UserError: a tracker cannot start, the loss is no longer finite, data cannot be read,
                or the disk is full.
        """
        if self.progress.step >= self.total_steps and not self._epoch_is_open():
            logger.info("{} is complete; nothing left to train", self.folder.path)
            return json.loads(self.folder.results.read_text(encoding="utf-8"))
        on_main(
            self.accelerator,
            lambda: keep_data(self.folder.data, self.train_split, self.test_split),
        )
        with ExitStack() as stack:
            together(self.accelerator, lambda: stack.enter_context(self.trackers))
            results = self._train(stack.enter_context(StopRequest()))
        self.accelerator.end_training()
        if self.progress.step < self.total_steps:
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
        if self.progress.step == 0 and self.recipe.evaluate_start:
            self._record({"epoch": 0, **headline(self._evaluate())})
        if self._epoch_is_open():  # stopped while it was evaluated
            results = self._end_epoch()
        saved_at = time.monotonic()
        main_process = self.accelerator.is_main_process
        bar = TrainingBar(self.total_steps, self.progress.step, main_process=main_process)
        with bar:
            for batch in self._batches():
                losses = self._train_step(batch)
                bar.update()
                if losses is not None:
                    step, recipe = self.progress.step - 1, self.recipe
                    epoch = f"{step // self.steps_per_epoch + 1}/{recipe.epochs}"
                    lr = learning_rate(step, self.total_steps, recipe)
                    bar.show(epoch, recipe.batch_size, lr, losses)
                ended = self._epoch_is_open()
                if ended:
                    self._require_sound(batch)
                    results = self._end_epoch() or results
                stopping, saving = self._agree(
                    stop.requested, time.monotonic() - saved_at > SAVE_SECONDS
                )
                if not ended and (stopping or saving):
                    self._require_sound(batch)
                    self.save_state()
                if ended or saving:
                    saved_at = time.monotonic()
                if stopping:
                    break
                self.watch.lap()  # evaluation and files are not the next step's time
        return results

    def _epoch_is_open(self) -> bool:
        """Whether the last step ended an epoch that is not yet in the history."""
        epoch, rest = divmod(self.progress.step, self.steps_per_epoch)
        booked = self.progress.history[-1]["epoch"] if self.progress.history else 0
        return rest == 0 and epoch > booked

    def _batches(self) -> Iterator[Batch]:
        """The remaining batches, with the time spent waiting for them booked."""
        loader = self.feed.loader(
            start=self.progress.step,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )
        self.watch.lap()
        for batch in loader:
            waited = self.watch.lap()
            self.progress.wait_seconds += waited
            self.progress.train_seconds += waited
            yield batch

    def _train_step(self, batch: Batch) -> list[float] | None:
        """One optimizer step; the losses if they were read at this step."""
        recipe, progress = self.recipe, self.progress
        epoch = progress.step // self.steps_per_epoch
        self.samples = self.feed.samples(batch)
        losses = self.step(
            *network_input(*self.samples, input_size(progress.step, recipe)),
            learning_rate(progress.step, self.total_steps, recipe),
            use_l1=epoch >= recipe.epochs - recipe.final_epochs,
            frozen=progress.step < recipe.freeze_backbone_steps,
        )
        self.monitor.add(losses)
        progress.step += 1

        row = None
        if progress.step % self.read_interval == 0 or progress.step % self.steps_per_epoch == 0:
            row = self._read_losses(batch)
        progress.train_seconds += self.watch.lap()
        return row

    def _read_losses(self, batch: Batch) -> list[float] | None:
        """Add the losses since the last read to the epoch's sums; None if there are none.

        Raises:
            UserError: one of them is not finite; see `dump_non_finite`.
        """
        rows = self.monitor.collect()
        bad = first_non_finite(rows)
        if bad is not None:
            step = self.progress.step - len(rows) + bad + 1
            self._stop_non_finite("the loss", step, rows[bad], batch)
        for row in rows:
            sums = self.progress.loss_sums
            self.progress.loss_sums = [a + b for a, b in zip(sums, row, strict=True)]
        return rows[-1] if rows else None

    def _require_sound(self, batch: Batch) -> None:
        """Make sure that losses and weights are right, before anything is saved.

        Raises:
            UserError: one is not finite, see `dump_non_finite`; or the averaged weights do not
                follow the trained ones.
        """
        losses = self._read_losses(batch) or [0.0] * len(LOSS_PARTS)
        if not all_finite(self.network):
            self._stop_non_finite("a weight", self.progress.step, losses, batch)
        self.step.require_following(
            learning_rate(self.progress.step - 1, self.total_steps, self.recipe)
        )

    def _stop_non_finite(self, what: str, step: int, losses: list[float], batch: Batch) -> NoReturn:
        images, targets = self.samples or self.feed.samples(batch)
        dump_non_finite(
            self.folder,
            f"rank{self.accelerator.process_index}",
            what,
            {
                "step": step,
                "losses": dict(zip(LOSS_PARTS, losses, strict=True)),
                "lr": learning_rate(step - 1, self.total_steps, self.recipe),
                "last_batch_ids": [str(self.train_split.ids[key.image]) for key in batch.keys],
                "last_batch_images": images.cpu(),
                "last_batch_targets": targets.cpu(),
                "model": self.network.state_dict(),
            },
        )

    def _end_epoch(self) -> dict[str, Any] | None:
        """Book the epoch, evaluate if it is time, write every file; results if evaluated."""
        progress, recipe = self.progress, self.recipe
        epoch = progress.step // self.steps_per_epoch
        sums = mean_over_processes(gather_object([progress.loss_sums]))
        means = [total / self.steps_per_epoch for total in sums]
        seconds = progress.train_seconds
        row: dict[str, Any] = {
            "epoch": epoch,
            "step": progress.step,
            "lr": learning_rate(progress.step - 1, self.total_steps, recipe),
            **dict(zip(LOSS_PARTS, means, strict=True)),
            "train_seconds": round(seconds, 3),
            "images_per_second": round(self.steps_per_epoch * recipe.batch_size / seconds, 2),
            "data_wait_share": round(progress.wait_seconds / seconds, 4),
            **memory_in_use(self.device),
        }
        results = None
        evaluation = Stopwatch()
        if epoch % recipe.eval_interval == 0 or epoch == recipe.epochs:
            self.save_state()  # an evaluation is long, and may be cut off
            results = self._evaluate()
            row |= headline(results) | self._evaluate_raw()
            row["eval_seconds"] = round(evaluation.lap(), 3)
        progress.loss_sums = [0.0] * len(LOSS_PARTS)
        progress.total_seconds += seconds + row.get("eval_seconds", 0.0)
        progress.train_seconds = progress.wait_seconds = 0.0
        row["total_seconds"] = round(progress.total_seconds, 3)
        self._record(row, results)
        return results

    def _record(self, row: dict[str, Any], results: dict[str, Any] | None = None) -> None:
        """Add a row to the history; write weights, state, metrics, times, curves and log line."""
        progress, folder = self.progress, self.folder
        progress.history.append(row)
        is_best = row.get("ap50_voc07", -1.0) > progress.best and row["epoch"] > 0
        if is_best:
            progress.best, progress.best_epoch = row["ap50_voc07"], row["epoch"]
        if row["epoch"] == 0:
            logger.info("before training: {}", score_text(row) or "nothing to score")
            return
        self.trackers.log({k: v for k, v in row.items() if k != "step"}, progress.step)
        if self.accelerator.is_main_process:
            content = self._weights(row)
            save_checkpoint(folder.last, {**content, "weights": "last"})
            if is_best:
                save_checkpoint(folder.best, {**content, "weights": "best"})
            if results is not None:
                folder.write_json("results.json", results)
            folder.write_metrics(progress.history)
            folder.write_json("timing.json", summarise_timing(progress.history))
            ended = row["epoch"] == self.recipe.epochs
            if ended or time.monotonic() - self.drawn_at > DRAW_SECONDS:
                save_curves({self.recipe.name: progress.history}, folder.curves)
                self.drawn_at = time.monotonic()
            logger.info(epoch_line(progress, self.recipe.epochs, self.total_steps))
        # Last: if a file before it cannot be written, the epoch's end is repeated on resumption.
        self.save_state()

    # Evaluation

    def _evaluate(self) -> dict[str, Any]:
        """Results of the weights to keep on the test split, the same on every process."""
        network = self.ema.result()
        results, detections = score_network(network, self.test_split, self.recipe, self.accelerator)
        if self.accelerator.is_main_process:
            sheet = keep_evaluation(results, detections, self.test_split, self.folder)
            self.trackers.log_image("predictions", sheet, self.progress.step)
        return results

    def _evaluate_raw(self) -> dict[str, float]:
        """The mean APs of the weights as trained, if the recipe asks for them."""
        if not self.recipe.evaluate_raw:
            return {}
        raw = copy.deepcopy(self.ema.model)  # free of what accelerate wraps the trained one in
        raw.load_state_dict(self.network.state_dict())
        results, _ = score_network(raw, self.test_split, self.recipe, self.accelerator)
        return {f"raw_{metric}": value for metric, value in headline(results).items()}

    # Stopping, saving, resuming

    def _agree(self, *wishes: bool) -> list[bool]:
        """For each wish whether any process has it; processes exchange them every few steps."""
        if self.accelerator.num_processes == 1:
            return list(wishes)
        if self.progress.step % self.read_interval:
            return [False] * len(wishes)
        flags = torch.tensor([float(wish) for wish in wishes], device=self.device)
        return (self.accelerator.reduce(flags, "sum") > 0).tolist()

    def save_state(self) -> None:
        """Write state.pth: all that `resume` needs to go on as if nothing had happened."""
        loss_sums = gather_object([self.progress.loss_sums])
        if not self.accelerator.is_main_process:
            return
        content = {
            **self.step.state_dict(),
            "progress": self.progress.to_dict(),
            "loss_sums": loss_sums,  # of each process
            "threads": torch.get_num_threads(),
            "recipe": self.recipe.to_dict(),
            "package_experiment": package_name_of(self.recipe),
            **data_entries(self.train_split, self.test_split),
            "start": self.start,
            "start_sha256": self.start_sha256,
            "commit": self.commit,
        }
        save_checkpoint(self.folder.state, content)

    def resume(self) -> None:
        """Continue from state.pth.

        Raises:
            UserError: it is damaged, or belongs to other settings or data.
        """
        content = read_checkpoint(self.folder.state)
        require_state(content, self.folder.state)
        require_same_run(content, self.recipe, self.folder.path)
        require_same_data(content, self.train_split, self.test_split, self.folder.data)
        try:
            self.step.load_state_dict(content)
            self.progress = Progress(**content["progress"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.folder.state} was written by another version of this package ({error}): "
                f"resume it with commit {content.get('commit', 'of its environment.json')}, or "
                "start a new run with -c last.pth"
            ) from error
        self.start = content.get("start", "")
        self.start_sha256 = content.get("start_sha256", "")
        self._restore_processes(content)
        logger.info("resumed at step {} of {}", self.progress.step, self.total_steps)

    def _restore_processes(self, content: Mapping[str, Any]) -> None:
        """Take up each process's sums of losses, and compute with as many threads as before."""
        world, sums = self.accelerator.num_processes, content.get("loss_sums")
        if sums is None:  # a state of an older version: the first process's sums alone
            sums = [self.progress.loss_sums] * world
        if len(sums) == world:
            self.progress.loss_sums = sums[self.accelerator.process_index]
        else:
            self.progress.loss_sums = mean_over_processes(sums)
            logger.warning(
                "resuming on {} processes instead of {}: the same data and schedule, but "
                "BatchNorm normalises other shares of each batch, and sums are rounded differently",
                world,
                len(sums),
            )
        threads = content.get("threads", torch.get_num_threads())
        if self.device.type == "cpu" and threads != torch.get_num_threads():
            logger.info(
                "computing with {} threads, as the run did before, instead of {}: sums over "
                "another number of threads are rounded differently",
                threads,
                torch.get_num_threads(),
            )
            torch.set_num_threads(threads)

    def _weights(self, row: dict[str, Any]) -> dict[str, Any]:
        """A checkpoint for use: weights to keep under upstream's key `model`, and their origin."""
        return {
            "model": {name: t.cpu() for name, t in self.ema.result().state_dict().items()},
            "experiment": self.recipe.name,
            "package_experiment": package_name_of(self.recipe),
            "classes": list(self.recipe.classes),
            "recipe": self.recipe.to_dict(),
            "epoch": row["epoch"],
            "metrics": {key: row[key] for key in METRICS if key in row},
            "start": self.start,
            "start_sha256": self.start_sha256,
            "train_images": len(self.train_split),
            **data_entries(self.train_split, self.test_split),
            "commit": self.commit,
        }
