"""The time of each part of a training step."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolox_ela.network.model import build_yolox_nano
from yolox_ela.recipe import Recipe
from yolox_ela.system.device import synchronise
from yolox_ela.train.ema import ModelEma
from yolox_ela.train.optimizer import build_optimizer


def time_parts(
    recipe: Recipe, images: Tensor, targets: Tensor, device: torch.device, *, rounds: int
) -> dict[str, float]:
    """Median seconds of each part of a step, waiting for the device after each.

    Args:
        recipe: the settings of the step.
        images: (B, 3, S, S) uint8 on the device.
        targets: (B, M, 5) on the device.
        device: where to compute.
        rounds: steps to measure, after two that are not.
    """
    torch.manual_seed(recipe.seed)
    model = build_yolox_nano(len(recipe.classes)).train()
    model = model.to(device, memory_format=torch.channels_last)
    optimizer, ema = build_optimizer(model, recipe), ModelEma(model, recipe)
    seconds: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = call()
        synchronise(device)
        seconds.setdefault(name, []).append(time.perf_counter() - start)
        return result

    for _ in range(rounds + 2):
        pixels = timed("bytes to floats", images.float)
        timed("forward: backbone", partial(model.backbone.backbone, pixels))
        # The neck cannot be called alone: it is what both take beyond the backbone.
        maps = timed("forward: backbone and neck", partial(model.backbone, pixels))
        head = partial(model.head, maps, targets, pixels)
        losses = timed("forward: head, assignment, loss", head)
        optimizer.zero_grad()
        timed("backward", losses[0].backward)
        timed("SGD", optimizer.step)
        timed("EMA", ema.update)
    medians = {name: float(np.median(values[2:])) for name, values in seconds.items()}
    backbone = medians["forward: backbone"]
    neck = max(0.0, medians.pop("forward: backbone and neck") - backbone)
    order = list(medians)
    order.insert(order.index("forward: backbone") + 1, "forward: neck")
    return {name: neck if name == "forward: neck" else medians[name] for name in order}
