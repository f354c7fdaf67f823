"""The commands as Python functions: keyword arguments in, results as objects out."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from yolox_ela.commands import evaluate as evaluate_command
from yolox_ela.commands import evaluate_options, train_options
from yolox_ela.commands import train as train_command
from yolox_ela.errors import UserError
from yolox_ela.evaluate.results_text import results_text
from yolox_ela.system.logs import ignore_foreign_warnings
from yolox_ela.system.resources import explained
from yolox_ela.train.accelerator import state_of_caller


@dataclass(frozen=True)
class Evaluation:
    """The scores of a network on a set of images; `print` shows them as a table.

    Attributes:
        scores: mean AP over the classes that have objects, 0 to 1, by metric: `ap50_voc07`, `ap50`,
            `ap50_95`; of other networks `top1` and `top5`, or `miou` and `accuracy`; None where
            nothing can be scored.
        headline: the metric that decides on these data: which of them names the best weights.
        per_class: for each class these metrics, and the numbers of `objects`, `difficult` ones
            and `detections`; empty where nothing was scored.
        images: number of images.
        report: the report's page, if one was written.
        results: everything that `json=FILE` writes; empty where nothing was scored.
    """

    scores: Mapping[str, float | None]
    headline: str
    per_class: Mapping[str, Mapping[str, Any]]
    images: int
    report: Path | None
    results: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        """The table that the command prints."""
        if not self.results:
            return f"{self.images} images, not scored"
        return results_text(dict(self.results))


@dataclass(frozen=True)
class TrainedRun(Evaluation):
    """A training with the scores of its last evaluation.

    Attributes:
        folder: the run's folder.
        complete: False if its time limit has ended it; `resume=True` continues.
        best: weights of the epoch with the best score; None if nothing could be scored.
        last: weights of the last epoch.
        history: a row per epoch, as in metrics.csv: `epoch`, losses, `lr`, scores where evaluated.
    """

    folder: Path
    complete: bool
    best: Path | None
    last: Path
    history: Sequence[Mapping[str, float]] = field(repr=False)

    __str__ = Evaluation.__str__


def train(experiment: str | Path | None = None, **settings: Any) -> TrainedRun:
    """Train an experiment and evaluate it, as `yolox-ela train` does.

    `runs/` and `datasets/` lie in the current folder. Ctrl-C finishes the step, saves, and raises
    KeyboardInterrupt; `resume=True` continues. Outside the main thread nothing is saved then.

    Args:
        experiment: a file, or the name of one of the package's own, as in `nano_ela_s`.
        settings: the command's options (`yolox-ela train --help`) and the fields of the recipe
            (`--fields`), with _ for -: `data`, `checkpoint`, `sample=True`, `output`, `epochs`,
            `image_size`, `lr`, `classes=["cat", "dog"]`. None and False leave an option out.

    Returns:
        The scores, and the paths of what was written.

    Raises:
        UserError: what the command refuses, in the same words.
        KeyboardInterrupt: the run was stopped before its end, by Ctrl-C or SIGTERM.
    """
    with explained():
        args = train_options.parse(Path.cwd(), {"experiment": experiment, **settings})
    if args.devices > 1 and "WORLD_SIZE" not in os.environ:
        raise UserError(
            f"devices={args.devices} starts processes, which a call cannot do: use yolox-ela "
            f"train -d {args.devices}, or start your program by torchrun or accelerate launch"
        )
    with _program_as_before(), ExitStack() as held:
        finished = train_command.run(args, held)
        training, results = finished.training, finished.results
        folder = training.folder
        page: Path | None = None
        if results is None:
            if not training.out_of_time:
                raise KeyboardInterrupt
            known = folder.results.is_file()
            kept = training.task.read_results(folder.results) if known else {}
        else:
            kept = results
            if training.accelerator.is_main_process:
                page = train_command.keep(args, finished, results)
        return TrainedRun(
            **_scores(kept, training.task.columns.headline, training.task.columns.scores),
            images=len(training.task.test_samples),
            report=page,
            results=kept,
            folder=folder.path,
            complete=results is not None,
            best=folder.best if folder.best.is_file() else None,
            last=folder.last,
            history=tuple(dict(row) for row in training.progress.history),
        )


def evaluate(checkpoint: str | Path | None = None, **settings: Any) -> Evaluation:
    """Evaluate weights on a set of images, as `yolox-ela eval` does.

    Args:
        checkpoint: a file of weights, or `coco` or `coco_legacy`; may be left out with
            `zero_shot=True`.
        settings: the command's options (`yolox-ela eval --help`) and the fields of the recipe, as
            for `train`: `data`, `split`, `image_size`, `conf`, `report`, `save_detections`.

    Returns:
        The scores.

    Raises:
        UserError: what the command refuses, in the same words.
    """
    with explained():
        args = evaluate_options.parse(Path.cwd(), {"checkpoint": checkpoint, **settings})
    with _program_as_before(), ExitStack() as held:
        found = evaluate_command.run(args, held)
    results = found.results or {}
    return Evaluation(
        **_scores(results, found.headline, found.scores),
        images=len(found.samples),
        report=found.page,
        results=results,
    )


def _scores(results: Mapping[str, Any], headline: str, metrics: Iterable[str]) -> dict[str, Any]:
    return {
        "scores": {metric: results.get(metric) for metric in metrics},
        "headline": headline,
        "per_class": results.get("per_class", {}),
    }


@contextmanager
def _program_as_before() -> Iterator[None]:
    """Leave torch's number of threads, and accelerate's device and precision, as they were."""
    threads = torch.get_num_threads()
    try:
        with warnings.catch_warnings(), state_of_caller():
            ignore_foreign_warnings()
            with explained():
                yield
    finally:
        torch.set_num_threads(threads)
