"""Average precision from matches: the curve of precision over recall and three ways to average it.

In the order of scores, precision falls with each false detection, and recall rises with each true
one. The best precision at a recall or beyond is therefore always reached at a true positive, and
all three averages are computed from the true positives alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yolox_ela.evaluate.matching import Matches

# The recalls of pycocotools; by rounding, 0.35 among them is slightly more than 35 / 100.
COCO_RECALLS = np.linspace(0.0, 1.0, 101)
# The expression of voc_eval, detectron2 and mmdetection. By rounding, its 0.3, 0.6 and 0.7 are
# slightly more than three, six and seven tenths, so that a recall of exactly 0.3 does not reach
# that point. With exact tenths, AP would be up to 0.1 points higher than by these tools.
VOC07_RECALLS = np.arange(0.0, 1.1, 0.1)


@dataclass(frozen=True)
class Curve:
    """Precision and recall of a class after each detection that counts, best score first.

    Attributes:
        precision: (D,) float64 in 0-1.
        recall: (D,) float64 in 0-1.
        scores: (D,) scores of those detections.
    """

    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray


def precision_recall(matches: Matches, threshold: int, label: int) -> Curve:
    """The curve of a class that has objects, at the threshold of this index."""
    of_class = matches.of_class(label)
    places, true = _of_class(matches, threshold, label)
    hit = np.zeros(len(matches.order[of_class]), dtype=bool)
    hit[places[true]] = True
    counts = matches.in_range[of_class].copy()
    counts[places] = true
    hits = np.cumsum(hit[counts])
    return Curve(
        precision=hits / np.arange(1, len(hits) + 1),
        recall=hits / matches.positives[label],
        scores=matches.scores[of_class][counts],
    )


def average_precision(
    matches: Matches, average: Callable[[np.ndarray, np.ndarray], float]
) -> np.ndarray:
    """AP of every class at every threshold.

    Args:
        matches: the matches of detections and objects.
        average: `eleven_point`, `all_points` or `hundred_one_points`.

    Returns:
        (T, C) float64 in 0-1; NaN for a class without objects that count.
    """
    result = np.full((len(matches.thresholds), len(matches.positives)), np.nan)
    counted = np.concatenate([[0], np.cumsum(matches.in_range)])
    for label in np.flatnonzero(matches.positives).tolist():
        start = matches.class_offsets[label]
        for threshold in range(len(matches.thresholds)):
            places, true = _of_class(matches, threshold, label)
            # Detections that count, down to each match: those in range, with a correction for
            # matched ones, which count if true and only then.
            correction = np.cumsum(true.astype(np.int64) - matches.in_range[start + places])
            ranks = (counted[start + places + 1] - counted[start] + correction)[true]
            hits = np.arange(1, len(ranks) + 1)
            result[threshold, label] = average(hits / ranks, hits / matches.positives[label])
    return result


def max_recall(matches: Matches) -> np.ndarray:
    """Share of the objects found by all detections together, (T, C); NaN as `average_precision`."""
    result = np.full((len(matches.thresholds), len(matches.positives)), np.nan)
    for label in np.flatnonzero(matches.positives).tolist():
        for threshold in range(len(matches.thresholds)):
            _, true = _of_class(matches, threshold, label)
            result[threshold, label] = true.sum() / matches.positives[label]
    return result


def _of_class(matches: Matches, threshold: int, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Matches of a class: their places within the class, and which are true."""
    rows, of_class = matches.at(threshold), matches.of_class(label)
    places = matches.places[rows]
    low, high = np.searchsorted(places, [of_class.start, of_class.stop])
    return places[low:high] - of_class.start, matches.true[rows][low:high]


# These functions take precision and recall, (N,), after each detection or each true positive.


def eleven_point(precision: np.ndarray, recall: np.ndarray) -> float:
    """VOC2007's average: mean over `VOC07_RECALLS` of the best precision there or beyond."""
    return sampled_points(precision, recall, VOC07_RECALLS)


def hundred_one_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """COCO's average: the same over recalls 0, 0.01, ..., 1."""
    return sampled_points(precision, recall, COCO_RECALLS)


def all_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """VOC2010's average: area under the curve of the best precision at a recall or beyond."""
    return float((np.diff(recall, prepend=0.0) * _best_beyond(precision)).sum())


def sampled_points(precision: np.ndarray, recall: np.ndarray, points: np.ndarray) -> float:
    """Mean over the given recalls of the best precision there or beyond."""
    positions = np.searchsorted(recall, points, side="left")
    # A recall that is never reached has precision 0.
    return float(np.append(_best_beyond(precision), 0.0)[positions].mean())


def _best_beyond(precision: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(precision[::-1])[::-1]


def mean_over_classes(aps: np.ndarray) -> np.ndarray:
    """Mean over the last axis, NaN (classes without objects) left out; NaN if nothing is left."""
    some = np.isfinite(aps)
    count = some.sum(axis=-1)
    total = np.where(some, aps, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
