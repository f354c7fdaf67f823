"""Matching detections with objects in one pass for all classes and IoU thresholds.

Only pairs of a detection and an object of its class that overlap enough can match. Within an image
and class, detections are processed by decreasing score; the k-th detections of all images,
classes and thresholds are processed together by array operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.overlap import Pairs, box_areas, overlapping_pairs
from yolox_ela.evaluate.rules import Rules


class Verdict(IntEnum):
    """The result of matching for a detection at a threshold."""

    FALSE = 0
    TRUE = 1
    IGNORED = 2


@dataclass(frozen=True)
class Matches:
    """Detections in the order of their scores, and their objects at each threshold.

    Attributes:
        thresholds: (T,) float64 IoU.
        order: (K,) int64 rows of the detections that count: by class, then best score first.
        class_offsets: (C + 1,) int64; class c has order[class_offsets[c]:class_offsets[c + 1]].
        scores: (K,) scores of the detections in that order.
        in_range: (K,) bool; a detection that matches nothing is false if set, else ignored.
        positives: (C,) int64 number of objects that count, so that missing them lowers recall.
        detections: number of all detections, also those that do not count.
        offsets: (T + 1,) int64; the matches at threshold t are rows offsets[t]:offsets[t + 1] of
            the following arrays.
        places: (N,) int64 indices into `order`, ascending within a threshold.
        objects: (N,) int64 row of the matched object.
        true: (N,) bool; False if the object is to be ignored.
    """

    thresholds: np.ndarray
    order: np.ndarray
    class_offsets: np.ndarray
    scores: np.ndarray
    in_range: np.ndarray
    positives: np.ndarray
    detections: int
    offsets: np.ndarray
    places: np.ndarray
    objects: np.ndarray
    true: np.ndarray

    def at(self, threshold: int) -> slice:
        """The rows of `places`, `objects` and `true` for the threshold of this index."""
        return slice(int(self.offsets[threshold]), int(self.offsets[threshold + 1]))

    def of_class(self, label: int) -> slice:
        """The rows of `order`, `scores` and `in_range` for a class."""
        return slice(int(self.class_offsets[label]), int(self.class_offsets[label + 1]))

    def verdicts(self, threshold: int) -> tuple[np.ndarray, np.ndarray]:
        """The verdict on each detection.

        Returns:
            (D,) int8 `Verdict`, and (D,) int64 row of the matched object or -1, both in the order
            in which the detections were given. Detections beyond the largest number for an image
            and class are ignored.
        """
        rows = self.at(threshold)
        ranked = np.where(self.in_range, Verdict.FALSE, Verdict.IGNORED).astype(np.int8)
        ranked[self.places[rows]] = np.where(self.true[rows], Verdict.TRUE, Verdict.IGNORED)
        verdicts = np.full(self.detections, Verdict.IGNORED, dtype=np.int8)
        verdicts[self.order] = ranked
        objects = np.full(self.detections, -1, dtype=np.int64)
        objects[self.order[self.places[rows]]] = self.objects[rows]
        return verdicts, objects


def match(
    detections: Detections, objects: Objects, rules: Rules, thresholds: Sequence[float] | np.ndarray
) -> Matches:
    """Match all detections with all objects.

    Args:
        detections: detections in any order; those with equal scores keep their order.
        objects: objects of the same images and classes.
        rules: `VOC_RULES` or `COCO_RULES`.
        thresholds: (T,) IoU thresholds above 0 and at most 1.

    Raises:
        ValueError: a threshold is out of range, or a detection has an unknown label.
    """
    floors = np.array(thresholds, dtype=np.float64)
    if len(floors) == 0 or floors.min() <= 0 or floors.max() > 1:
        raise ValueError(f"IoU thresholds must be over 0 and at most 1, got {thresholds}")
    if detections.labels.max(initial=-1) >= objects.classes:
        raise ValueError(f"label {detections.labels.max()} with {objects.classes} classes")

    groups = detections.images * objects.classes + detections.labels
    object_groups = objects.images * objects.classes + objects.labels
    order = _by_class_and_score(detections)
    if rules.max_detections is not None:
        order = order[_first_of_each(groups[order], rules.max_detections)]
    place = np.full(len(detections), -1, dtype=np.int64)
    place[order] = np.arange(len(order))

    ignored = objects.difficult | objects.crowd | ~_in_range(objects.boxes, rules)
    reusable = objects.crowd | (ignored & (not rules.difficult_once))
    positives = np.bincount(objects.labels[~ignored], minlength=objects.classes)

    pairs = overlapping_pairs(detections.boxes, groups, objects, object_groups, rules)
    if not rules.strict:
        # As in pycocotools, so that an IoU of 1 with rounding errors reaches a threshold of 1.
        floors = np.minimum(floors, 1 - 1e-10)
    pairs = pairs.select((pairs.overlaps >= floors.min()) & (place[pairs.detections] >= 0))
    pairs = _by_preference(pairs, place, ignored, rules)
    accepted = np.greater if rules.strict else np.greater_equal
    index, chosen = _take_turns(pairs, groups, accepted(pairs.overlaps, floors[:, None]), reusable)
    places, found = place[pairs.detections[chosen]], pairs.objects[chosen]
    by_threshold = np.lexsort((places, index))
    return Matches(
        thresholds=np.array(thresholds, dtype=np.float64),
        order=order,
        class_offsets=np.searchsorted(detections.labels[order], np.arange(objects.classes + 1)),
        scores=detections.scores[order],
        in_range=_in_range(detections.boxes, rules)[order],
        positives=positives,
        detections=len(detections),
        offsets=np.searchsorted(index[by_threshold], np.arange(len(floors) + 1)),
        places=places[by_threshold],
        objects=found[by_threshold],
        true=~ignored[found[by_threshold]],
    )


def _by_class_and_score(detections: Detections) -> np.ndarray:
    """Rows sorted by class, then by decreasing score, then in the given order."""
    by_score = np.argsort(-detections.scores, kind="stable")
    labels = detections.labels[by_score]
    # numpy sorts small integers by radix, which is far faster.
    small = labels.astype(np.min_scalar_type(labels.max(initial=0)))
    return by_score[np.argsort(small, kind="stable")]


def _in_range(boxes: np.ndarray, rules: Rules) -> np.ndarray:
    low, high = rules.area_range
    if low <= 0 and high == np.inf:
        return np.ones(len(boxes), dtype=bool)
    areas = box_areas(boxes, rules)
    return (areas >= low) & (areas <= high)


def _first_of_each(groups: np.ndarray, limit: int) -> np.ndarray:
    """(K,) bool: the first `limit` members of each group."""
    keep = np.ones(len(groups), dtype=bool)
    large = np.flatnonzero((np.bincount(groups) > limit)[groups])
    keep[large] = _turns(groups[large]) < limit
    return keep


def _turns(groups: np.ndarray) -> np.ndarray:
    """(K,) int64: how many members of its group come before each element."""
    by_group = np.argsort(groups, kind="stable")
    _, counts = np.unique(groups, return_counts=True)
    turns = np.empty(len(groups), dtype=np.int64)
    turns[by_group] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    return turns


def _by_preference(pairs: Pairs, place: np.ndarray, ignored: np.ndarray, rules: Rules) -> Pairs:
    """Pairs sorted by the decreasing score of their detection, then by the rules' preference."""
    places = place[pairs.detections]
    tie = -pairs.objects if rules.last_of_equals else pairs.objects
    last = ignored[pairs.objects] & rules.difficult_last
    pairs = pairs.select(np.lexsort((tie, -pairs.overlaps, last, places)))
    return pairs.select(_heads(pairs.detections)) if rules.best_object_only else pairs


def _heads(detections: np.ndarray) -> np.ndarray:
    """Index of the first pair of each detection."""
    return np.flatnonzero(np.diff(detections, prepend=-1))


def _take_turns(
    pairs: Pairs, groups: np.ndarray, accepted: np.ndarray, reusable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Let each detection in turn take the first of its objects that is accepted and still free.

    Args:
        pairs: P pairs sorted by detection, best score first, then by preference.
        groups: (D,) image and class of each detection.
        accepted: (T, P) bool, whether the overlap suffices.
        reusable: (M,) bool, whether the object can be matched repeatedly.

    Returns:
        (N,) int64 index of the threshold and (N,) int64 index of the pair, for each match.
    """
    heads = _heads(pairs.detections)
    turns = _turns(groups[pairs.detections[heads]])
    turn_of_pair = np.repeat(turns, np.diff(heads, append=len(pairs.detections)))
    by_turn = np.argsort(turn_of_pair, kind="stable")
    limits = np.searchsorted(turn_of_pair[by_turn], np.arange(turns.max(initial=-1) + 2))

    taken = np.zeros((len(accepted), len(reusable)), dtype=bool)
    thresholds, chosen = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for low, high in pairwise(limits):
        turn = by_turn[low:high]
        objects = pairs.objects[turn]
        free = accepted[:, turn] & (reusable[objects] | ~taken[:, objects])
        none = len(turn)
        candidates = np.where(free, np.arange(none), none)
        first = np.minimum.reduceat(candidates, _heads(pairs.detections[turn]), axis=1)
        index, detection = np.nonzero(first < none)
        picked = first[index, detection]
        taken[index, objects[picked]] = True
        thresholds.append(index)
        chosen.append(turn[picked])
    return np.concatenate(thresholds), np.concatenate(chosen)
