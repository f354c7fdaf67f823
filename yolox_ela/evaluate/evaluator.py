"""Evaluation of a network on a split: inference, average precision, settings, timing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list, gather_object
from loguru import logger
from torch import Tensor
from tqdm import tqdm

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.loader import EvalBatch, eval_loader
from yolox_ela.evaluate.postprocess import postprocess, without_scores
from yolox_ela.evaluate.rules import VOC_IOU
from yolox_ela.evaluate.scores import METRICS, SplitScores, score_split
from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.network.inference import FAST, Inference, predictor
from yolox_ela.network.model import Yolox
from yolox_ela.network.runner import Runner
from yolox_ela.recipe import Recipe
from yolox_ela.system.randomness import isolated_generators


@dataclass(frozen=True)
class EvalSettings:
    """The settings that an AP depends on besides network and data.

    Attributes:
        image_size: size of the network's input, as the recipe's field.
        score_threshold: smallest score of a detection, in 0-1.
        nms_iou: IoU above which NMS removes the weaker of two boxes of a class.
    """

    image_size: ImageSize
    score_threshold: float
    nms_iou: float

    @classmethod
    def of(cls, recipe: Recipe) -> "EvalSettings":
        """The settings of a recipe."""
        return cls(recipe.image_size, recipe.score_threshold, recipe.nms_iou)


def detect_split(
    model: Yolox | Runner,
    split: VocSplit,
    settings: EvalSettings,
    *,
    device: torch.device,
    batch_size: int = 16,
    workers: int = -1,
    rank: int = 0,
    world: int = 1,
    inference: Inference = FAST,
) -> Detections:
    """Run the network over a split, or over this process's share of it.

    The model's mode is restored afterwards. For the arguments, see `evaluate`.

    Returns:
        The detections in the order of the images.
    """
    if isinstance(model, Runner):
        model.require(settings.score_threshold, settings.nms_iou)
    loader = eval_loader(
        split,
        settings.image_size,
        batch_size,
        workers,
        rectangular=inference.rectangular,
        rank=rank,
        world=world,
    )
    parts, unscored = [], 0
    with _predicting(model, device, inference) as predict:
        # disable=None shows the progress bar on a terminal only.
        for batch in tqdm(
            loader, "evaluating", unit="batch", leave=False, disable=None if rank == 0 else True
        ):
            predictions = predict(batch.images)
            unscored += int(without_scores(predictions).sum())
            found = postprocess(predictions, settings.score_threshold, settings.nms_iou)
            parts += _in_original_pixels(found, batch, split)
    if unscored:  # no error: a training would lose what it has learned
        logger.warning(
            "the network's scores are not finite in {} of {} images, where it therefore detects "
            "less: its weights are damaged, or its training has diverged",
            unscored,
            len(split),
        )
    return Detections.concatenate(parts)


@contextmanager
def _predicting(
    model: Yolox | Runner, device: torch.device, inference: Inference
) -> Iterator[Callable[[Tensor], Tensor]]:
    """A function from images to predictions; the mode of a torch module is restored at the end."""
    if isinstance(model, Runner):
        yield model.run
        return
    training = model.training
    model.eval()
    try:
        yield predictor(model, device, inference)
    finally:
        model.train(training)


def _in_original_pixels(found: list[Tensor], batch: EvalBatch, split: VocSplit) -> list[Detections]:
    """Detections of each image of a batch, clipped to the image."""
    counts = [len(rows) for rows in found]
    table = torch.cat(found).cpu().numpy()  # all at once: one transfer
    results = []
    for index, scale, rows in zip(
        batch.indices,
        batch.scales.tolist(),
        np.split(table, np.cumsum(counts)[:-1]),
        strict=True,
    ):
        width, height = split.sizes[index]
        boxes = np.clip(rows[:, :4] / np.float32(scale), 0, [width, height, width, height])
        results.append(
            Detections(
                np.full(len(rows), index, dtype=np.int64),
                boxes.astype(np.float32),
                rows[:, 4].copy(),
                rows[:, 5].astype(np.int64),
            )
        )
    return results


def score_detections(
    detections: Detections, split: VocSplit, settings: EvalSettings, seconds: float
) -> dict[str, Any]:
    """All metrics of a split, as plain JSON values.

    Returns:
        `ap50_voc07`, `ap50`, `ap50_95` (means over classes with objects that count, in 0-1; None
        if there is no such class), `headline` (which of them decides on these data), `per_class`
        with the same and the counts, `classes_without_objects`, `images`, `objects`, `difficult`,
        `detections`, `settings`, `seconds`.
    """
    return summarise(score_split(detections, split), detections, split, settings, seconds)


def summarise(
    scores: SplitScores,
    detections: Detections,
    split: VocSplit,
    settings: EvalSettings,
    seconds: float,
) -> dict[str, Any]:
    """The results of `score_detections`, from scores that `score_split` has computed already."""
    classes = len(split.classes)
    difficult = np.bincount(split.labels[split.difficult], minlength=classes)
    detected = np.bincount(detections.labels, minlength=classes)
    per_class = {
        split.classes[label]: {
            "ap50_voc07": float(scores.ap50_voc07[label]),
            "ap50": float(scores.ap50[label]),
            "ap50_95": float(scores.ap50_95[label]),
            "objects": int(scores.voc.positives[label]),
            "difficult": int(difficult[label]),
            "detections": int(detected[label]),
        }
        for label in np.flatnonzero(scores.voc.positives)
    }

    def mean(key: str) -> float | None:
        return float(np.mean([row[key] for row in per_class.values()])) if per_class else None

    return {
        **{key: mean(key) for key in METRICS},
        "headline": split.headline,
        "per_class": per_class,
        "classes_without_objects": [name for name in split.classes if name not in per_class],
        "images": len(split),
        "objects": int((~(split.difficult | split.crowd)).sum()),
        "difficult": int(split.difficult.sum()),
        "detections": len(detections),
        "settings": {
            "image_size": InputSize.of(settings.image_size).plain,
            "score_threshold": settings.score_threshold,
            "nms_iou": settings.nms_iou,
            "voc_iou": VOC_IOU,
            "ap50_95_rules": "COCO: IoU 0.50:0.05:0.95, 101 recalls, 100 detections a class",
        },
        "seconds": seconds,
    }


def evaluate(
    model: Yolox | Runner,
    split: VocSplit,
    settings: EvalSettings,
    *,
    device: torch.device,
    batch_size: int = 16,
    workers: int = -1,
    rank: int = 0,
    world: int = 1,
    inference: Inference = FAST,
) -> tuple[dict[str, Any], Detections]:
    """Detect and score a split, together with the other processes if there are any.

    Args:
        model: the network on `device`, whose mode is restored afterwards; or a runner, to which
            `device` and `inference` do not apply, but for rectangular batches.
        split: images and objects.
        settings: input size, threshold, NMS.
        device: where to compute.
        batch_size: images at a time on each process.
        workers: processes that load images; see `Recipe.workers`.
        rank: number of this process; the images are distributed over all processes.
        world: number of processes that evaluate together.
        inference: how the network is run.

    Returns:
        The results of `score_detections`, the same on every process, and all detections.
    """
    start = time.perf_counter()
    with isolated_generators(rank):  # for modules that are random in evaluation mode too
        mine = detect_split(
            model,
            split,
            settings,
            device=device,
            batch_size=batch_size,
            workers=workers,
            rank=rank,
            world=world,
            inference=inference,
        )
    if world == 1:
        return score_detections(mine, split, settings, time.perf_counter() - start), mine
    detections = Detections.concatenate(gather_object([mine]))
    results: list[Any] = [None]
    if rank == 0:
        seconds = time.perf_counter() - start
        results = [score_detections(detections, split, settings, seconds)]
    broadcast_object_list(results)
    return results[0], detections
