"""Where the time of a run went."""

from collections.abc import Mapping, Sequence
from typing import Any

import psutil
import torch

from yolox_ela.system.files import GIB

LEVELS = (30, 40, 50, 60, 65, 70, 75, 80, 85, 90)  # AP50 (VOC07) in percent


def memory_in_use(device: torch.device) -> dict[str, float]:
    """GiB that this process holds now, and on CUDA the most that it held on the GPU."""
    memory = {"memory_gib": round(psutil.Process().memory_info().rss / GIB, 3)}
    if device.type == "cuda":
        memory["gpu_memory_gib"] = round(torch.cuda.max_memory_allocated(device) / GIB, 3)
    return memory


def summarise_timing(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The times of a run, from its rows of metrics.csv.

    Returns:
        `seconds` of all epochs and evaluations, `train_seconds` and `eval_seconds` of them;
        `images_per_second` and `data_wait_share` of training; `seconds_to_ap50_07`: for each of
        `LEVELS` that was reached, when the first evaluation at or above it had ended.
    """
    epochs = [row for row in history if row["epoch"] > 0]
    train = sum(row["train_seconds"] for row in epochs)
    wait = sum(row["train_seconds"] * row["data_wait_share"] for row in epochs)
    images = sum(row["train_seconds"] * row["images_per_second"] for row in epochs)
    reached: dict[str, float] = {}
    for row in epochs:
        for level in LEVELS:
            if 100 * row.get("ap50_voc07", -1) >= level:
                reached.setdefault(str(level), row["total_seconds"])
    return {
        "seconds": epochs[-1]["total_seconds"],
        "train_seconds": round(train, 3),
        "eval_seconds": round(sum(row.get("eval_seconds", 0.0) for row in epochs), 3),
        "images_per_second": round(images / train, 2),
        "data_wait_share": round(wait / train, 4),
        "seconds_to_ap50_07": reached,
    }
