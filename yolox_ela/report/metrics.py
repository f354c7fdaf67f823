"""Names and means of the three kinds of AP."""

import numpy as np

METRIC_TITLES = {
    "ap50_voc07": "AP50, 11 points (VOC07)",
    "ap50": "AP50, all points",
    "ap50_95": "AP50:95 (COCO)",
}
"""For each of `METRICS`, as pictures name it."""


def mean_over_classes(aps: np.ndarray) -> np.ndarray:
    """Mean over the last axis, NaN (classes without objects) left out; NaN if nothing is left."""
    some = np.isfinite(aps)
    count = some.sum(axis=-1)
    total = np.where(some, aps, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
