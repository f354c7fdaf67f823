"""From prepared pictures to results: the network, NMS, and the limits that a user set."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch

from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings
from yolox_ela.evaluate.postprocess import postprocess, require_scores
from yolox_ela.network.runner import Runner
from yolox_ela.overrides import did_you_mean
from yolox_ela.predict.prepare import Failed, Prepared
from yolox_ela.predict.result import Result
from yolox_ela.schema import TEXT, fault, listed, shown


@dataclass(frozen=True)
class Limits:
    """Which detections are reported.

    Attributes:
        labels: the class indices; None for all.
        number: the largest number for a picture, the best ones; None for all.
    """

    labels: tuple[int, ...] | None
    number: int | None

    @classmethod
    def of(cls, only: Sequence[str] | None, number: int | None, classes: Sequence[str]) -> "Limits":
        """Those of class names and a number.

        Raises:
            UserError: there is no such class, or the number is less than 1.
        """
        if number is not None and not (isinstance(number, Integral) and number >= 1):
            raise UserError(f"max_detections {shown(number)} must be a whole number, at least 1")
        if only is not None and (isinstance(only, str) or fault(only, listed(TEXT))):
            raise UserError(f"only {shown(only)} must be a list of names of classes")
        for name in only or ():
            if name not in classes:
                hint = did_you_mean(name, classes) or f"there are {', '.join(classes)}"
                raise UserError(f"the network has no class '{name}'; {hint}")
        labels = None if only is None else tuple(classes.index(name) for name in only)
        return cls(labels, number)

    def applied(self, table: np.ndarray) -> np.ndarray:
        """The rows, best score first, that are reported; column 5 has the class indices."""
        if self.labels is not None:
            table = table[np.isin(table[:, 5], self.labels)]
        return table[: self.number]


def detect(
    prepared: Sequence[Prepared], runner: Runner, settings: EvalSettings, limits: Limits
) -> list[Result]:
    """The results of a batch of pictures.

    Args:
        prepared: the pictures; may be none.
        runner: the network.
        settings: score threshold and IoU of NMS.
        limits: the classes that are reported, and the largest number of detections.

    Raises:
        UserError: the network's scores are not finite.
    """
    if not prepared:
        return []
    start = time.perf_counter()
    batch = torch.from_numpy(np.stack([item.boxed for item in prepared])).permute(0, 3, 1, 2)
    predictions = require_scores(runner.run(batch))
    found = postprocess(predictions, settings.score_threshold, settings.nms_iou)
    tables = [limits.applied(rows.cpu().numpy()) for rows in found]
    seconds = (time.perf_counter() - start) / len(prepared)
    return [
        _result(item, table, runner.classes, seconds)
        for item, table in zip(prepared, tables, strict=True)
    ]


def outcomes(
    prepared: Sequence[Prepared | Failed], runner: Runner, settings: EvalSettings, limits: Limits
) -> list[Result | Failed]:
    """The same for pictures some of which could not be read; in their order."""
    readable = [one for one in prepared if isinstance(one, Prepared)]
    results = iter(detect(readable, runner, settings, limits))
    return [one if isinstance(one, Failed) else next(results) for one in prepared]


def _result(item: Prepared, table: np.ndarray, classes: Sequence[str], seconds: float) -> Result:
    """A result from rows of x1, y1, x2, y2 in pixels of the input, score and label."""
    height, width = item.picture.shape[:2]
    labels = table[:, 5].astype(np.int64)
    return Result(
        item.task.source,
        item.picture,
        np.clip(table[:, :4] / item.scale, 0, [width, height] * 2).astype(np.float32),
        table[:, 4],
        labels,
        tuple(classes[label] for label in labels),
        item.task.frame,
        item.task.rate,
        seconds,
    )
