"""Evaluation of a network on a split: inference, average precision, settings, timing."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor
from tqdm import tqdm
from yolox.utils import postprocess

from yolox_ela.data.loader import EvalBatch, eval_loader
from yolox_ela.data.voc import VocSplit
from yolox_ela.evaluate.coco_ap import coco_average_precision
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.voc_ap import VOC_IOU, voc_average_precision
from yolox_ela.model import YoloxNano
from yolox_ela.recipe import Recipe

METRICS = ("ap50_voc07", "ap50", "ap50_95")  # means over classes, in every results file


@dataclass(frozen=True)
class EvalSettings:
    """What an AP depends on besides network and data."""

    image_size: int
    score_threshold: float
    nms_iou: float

    @classmethod
    def of(cls, recipe: Recipe) -> "EvalSettings":
        """Those of a recipe."""
        return cls(recipe.image_size, recipe.score_threshold, recipe.nms_iou)


def detect_split(
    model: YoloxNano,
    split: VocSplit,
    settings: EvalSettings,
    *,
    device: torch.device,
    batch_size: int = 16,
    workers: int = -1,
    rank: int = 0,
    world: int = 1,
) -> Detections:
    """Run the network over a split (or this process's share of it), without autocast.

    The model's mode is restored afterwards.
    """
    loader = eval_loader(split, settings.image_size, batch_size, workers, rank=rank, world=world)
    training = model.training
    model.eval()
    parts = []
    try:
        # None: shown on a terminal only.
        for batch in tqdm(
            loader, "evaluating", unit="batch", leave=False, disable=None if rank == 0 else True
        ):
            parts += detect_batch(model, batch, split, settings, device)
    finally:
        model.train(training)
    return Detections.concatenate(parts)


@torch.inference_mode()
def detect_batch(
    model: YoloxNano,
    batch: EvalBatch,
    split: VocSplit,
    settings: EvalSettings,
    device: torch.device,
) -> list[Detections]:
    """Detections of each image of a batch, in original pixels, clipped to the image."""
    images = batch.images.to(device, non_blocking=True).float()
    found = postprocess_predictions(model(images), settings)
    results = []
    for index, scale, rows in zip(batch.indices, batch.scales.tolist(), found, strict=True):
        width, height = split.sizes[index]
        boxes = (rows[:, :4] / scale).cpu().numpy()
        results.append(
            Detections(
                np.full(len(boxes), index, dtype=np.int64),
                np.clip(boxes, 0, [width, height, width, height]).astype(np.float32),
                rows[:, 4].cpu().numpy(),
                rows[:, 5].cpu().numpy().astype(np.int64),
            )
        )
    return results


def postprocess_predictions(predictions: Tensor, settings: EvalSettings) -> list[Tensor]:
    """Threshold and class-wise NMS by upstream's function.

    Args:
        predictions: (B, A, 5 + classes) from the network in evaluation mode.
        settings: threshold on objectness times class score, and NMS overlap.

    Returns:
        For each image (D, 6): x1, y1, x2, y2 in input pixels, score, label; best score first.
    """
    kept = postprocess(  # which writes into its argument
        predictions.clone(), predictions.shape[2] - 5, settings.score_threshold, settings.nms_iou
    )
    empty = predictions.new_zeros(0, 6)
    return [
        empty
        if rows is None
        else torch.cat([rows[:, :4], rows[:, 4:5] * rows[:, 5:6], rows[:, 6:7]], dim=1)
        for rows in kept
    ]


def score_detections(
    detections: Detections, split: VocSplit, settings: EvalSettings, seconds: float
) -> dict[str, Any]:
    """All metrics of a split, as plain JSON values.

    Returns:
        `ap50_voc07`, `ap50`, `ap50_95` (means over classes with objects, in 0-1), `per_class`
        with the same and the counts, `classes_without_objects`, `images`, `objects`,
        `difficult`, `detections`, `settings`, `seconds`.
    """
    voc = voc_average_precision(detections, split)
    coco = coco_average_precision(detections, split)
    per_class = {
        name: {
            "ap50_voc07": result.ap_voc07,
            "ap50": result.ap,
            "ap50_95": coco[name],
            "objects": result.positives,
            "difficult": int((split.difficult & (split.labels == split.classes.index(name))).sum()),
            "detections": int((detections.labels == split.classes.index(name)).sum()),
        }
        for name, result in voc.items()
    }

    def mean(key: str) -> float:
        return float(np.mean([row[key] for row in per_class.values()])) if per_class else 0.0

    return {
        **{key: mean(key) for key in METRICS},
        "per_class": per_class,
        "classes_without_objects": [name for name in split.classes if name not in per_class],
        "images": len(split),
        "objects": int((~split.difficult).sum()),
        "difficult": int(split.difficult.sum()),
        "detections": len(detections),
        "settings": {
            "image_size": settings.image_size,
            "score_threshold": settings.score_threshold,
            "nms_iou": settings.nms_iou,
            "voc_iou": VOC_IOU,
            "ap50_95_rules": "COCO: IoU 0.50:0.05:0.95, 101 recalls, 100 detections a class",
        },
        "seconds": seconds,
    }


def evaluate(
    model: YoloxNano,
    split: VocSplit,
    settings: EvalSettings,
    *,
    device: torch.device,
    batch_size: int = 16,
    workers: int = -1,
    rank: int = 0,
    world: int = 1,
) -> tuple[dict[str, Any], Detections]:
    """Detect and score a split, together with the other processes if there are any.

    Args:
        model: the network on `device`; its mode is restored afterwards.
        split: images and objects.
        settings: input size, threshold, NMS.
        device: where to compute, without autocast.
        batch_size: images at a time on each process.
        workers: processes that load images; see `Recipe.workers`.
        rank: which of the processes this is; the images are shared out between them.
        world: number of processes that evaluate together.

    Returns:
        The results of `score_detections`, the same on every process, and all detections.
    """
    start = time.perf_counter()
    mine = detect_split(
        model,
        split,
        settings,
        device=device,
        batch_size=batch_size,
        workers=workers,
        rank=rank,
        world=world,
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
