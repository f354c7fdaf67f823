"""What goes wrong, and the mAP that mending each kind of error would give.

After TIDE (Bolya et al., arXiv 2008.08115), with VOC's rules where the two differ. Each false
detection is of the first kind that applies, `same` and `other` being its highest IoU with an object
of its class and of any other class:

| kind           | condition           | it is mended by                                          |
|----------------|---------------------|----------------------------------------------------------|
| localisation   | 0.1 <= same <= 0.5  | putting its box on that object                           |
| classification | other > 0.5         | giving it that object's class                            |
| duplicate      | same > 0.5          | removing it; a better score has the object already       |
| background     | other <= 0.1        | removing it                                              |
| both           | 0.1 < other <= 0.5  | removing it; whatever it was meant for is unknown        |

The sixth kind is of objects: one is missed if it was not found, and no localisation or
classification error is on it. It is mended by removing it from the ground truth, which stretches
the curve of precision over recall.

Kinds are mended one at a time, each from the same start, so the gains do not add up. Of several
localisation and classification errors on one object that was not found the best score mends it;
the others, and those on an object that was found, are removed instead, as in TIDE. Beside these,
two gains for comparison: of removing all false detections, and of removing all objects that were
not found.

The AP is `ap50`: all points, VOC's rules at IoU 0.5, the mean over classes with objects. (TIDE
samples it at 101 recalls, which lets a gain fall below zero; over all points none can.) Detections
of difficult objects are ignored by VOC and are no error here; those that overlap a difficult object
too little, or have its class wrong, are errors of their kind, mended by removing them, since a
better box or class would make them ignored.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import all_points
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.overlap import Pairs, overlapping_pairs
from yolox_ela.evaluate.rules import VOC_IOU, VOC_RULES
from yolox_ela.evaluate.scores import SplitScores
from yolox_ela.report.plain import plain_number

BACKGROUND_IOU = 0.1


class ErrorKind(IntEnum):
    """The kinds of errors."""

    CLASSIFICATION = 0
    LOCALISATION = 1
    BOTH = 2
    DUPLICATE = 3
    BACKGROUND = 4
    MISSED = 5

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.lower()


NO_ERROR = -1
DETECTION_KINDS = tuple(kind for kind in ErrorKind if kind is not ErrorKind.MISSED)


@dataclass(frozen=True)
class Errors:
    """Each detection's and object's error, and what the kinds cost.

    Attributes:
        kinds: (D,) int8 `ErrorKind` of each false detection, `NO_ERROR` for true and ignored ones.
        objects: (D,) int64 row of the object that a detection found or that its error is about: the
            one whose overlap decided; -1 for background.
        overlaps: (D,) float64 IoU with that object, 0 without one.
        missed: (M,) bool: objects with the error of that name.
        unfound: (M,) bool: all objects, difficult ones apart, that no detection found.
        ap: mAP as it is, in 0-1; NaN without objects.
        gains: (6,) float64: what mending all errors of a kind would add to it.
        false_positive_gain: what removing all false detections would add.
        false_negative_gain: what removing all objects that were not found would add.
    """

    kinds: np.ndarray
    objects: np.ndarray
    overlaps: np.ndarray
    missed: np.ndarray
    unfound: np.ndarray
    ap: float
    gains: np.ndarray
    false_positive_gain: float
    false_negative_gain: float

    def count(self, kind: ErrorKind, selected: np.ndarray | slice = slice(None)) -> int:
        """Number of errors of a kind, of all or some (D,) detections; all objects if missed."""
        if kind is ErrorKind.MISSED:
            return int(self.missed.sum())
        return int((self.kinds[selected] == kind).sum())

    def to_json(self) -> dict[str, Any]:
        """As plain values, the detections themselves left out."""
        return {
            "ap50": plain_number(self.ap),
            "kinds": {
                kind.title: {
                    "count": self.count(kind),
                    "ap50_gain": plain_number(self.gains[kind]),
                }
                for kind in ErrorKind
            },
            "false_positive_gain": plain_number(self.false_positive_gain),
            "false_negative_gain": plain_number(self.false_negative_gain),
        }


def find_errors(detections: Detections, split: VocSplit, scores: SplitScores) -> Errors:
    """Sort the errors of a split's detections by kind; see the module."""
    verdicts, matched = scores.verdicts()
    true, false = verdicts == Verdict.TRUE, verdicts == Verdict.FALSE
    of_class, of_others = _best_overlaps(detections, Objects.of_split(split))
    kinds = np.full(len(detections), NO_ERROR, dtype=np.int8)
    kinds[false] = _kinds(of_class.overlaps[false], of_others.overlaps[false])
    unfound = ~split.difficult
    unfound[matched[true]] = False

    own = (kinds == NO_ERROR) | (kinds == ErrorKind.LOCALISATION) | (kinds == ErrorKind.DUPLICATE)
    objects = np.where(own, of_class.objects, of_others.objects)
    objects[kinds == ErrorKind.BACKGROUND] = -1
    mendable = (kinds == ErrorKind.LOCALISATION) | (kinds == ErrorKind.CLASSIFICATION)
    candidates = np.flatnonzero(mendable)
    missed = unfound.copy()
    missed[objects[candidates]] = False
    candidates = candidates[unfound[objects[candidates]]]
    mending = _best_of_each_object(candidates, objects, detections)

    def mean_ap(keep: np.ndarray, mended: np.ndarray, positives: np.ndarray) -> float:
        """mAP of the kept detections, those in `mended` being true and of their object's class."""
        labels = detections.labels.copy()
        labels[mended] = split.labels[objects[mended]]
        hits = true.copy()
        hits[mended] = True
        return _mean_ap(labels[keep], detections.scores[keep], hits[keep], positives, classes)

    positives = scores.voc.positives
    classes = np.flatnonzero(positives)
    none = np.zeros(0, dtype=np.int64)
    counted = true | false
    before = mean_ap(counted, none, positives)
    gains = np.zeros(len(ErrorKind))
    for kind in DETECTION_KINDS:
        mended = mending[kinds[mending] == kind]
        keep = counted & (kinds != kind)
        keep[mended] = True
        gains[kind] = mean_ap(keep, mended, positives) - before

    def gain_without(removed: np.ndarray) -> float:
        fewer = positives - np.bincount(split.labels[removed], minlength=len(positives))
        return mean_ap(counted, none, fewer) - before

    gains[ErrorKind.MISSED] = gain_without(missed)
    return Errors(
        kinds=kinds,
        objects=objects,
        overlaps=np.where(own, of_class.overlaps, of_others.overlaps) * (objects >= 0),
        missed=missed,
        unfound=unfound,
        ap=before,
        gains=gains,
        false_positive_gain=mean_ap(true, none, positives) - before,
        false_negative_gain=gain_without(unfound),
    )


@dataclass(frozen=True)
class _Best:
    """(D,) highest overlap of each detection, 0 without any, and (D,) row of the object or -1."""

    overlaps: np.ndarray
    objects: np.ndarray


def _best_overlaps(detections: Detections, objects: Objects) -> tuple[_Best, _Best]:
    """With objects of the detection's class, and with those of other classes."""
    pairs = overlapping_pairs(
        detections.boxes, detections.images, objects, objects.images, VOC_RULES
    )
    same = detections.labels[pairs.detections] == objects.labels[pairs.objects]

    def best(pairs: Pairs) -> _Best:
        # Of an assignment to one row the last stays: the highest overlap, the first annotated.
        pairs = pairs.select(np.lexsort((-pairs.objects, pairs.overlaps)))
        overlaps = np.zeros(len(detections))
        overlaps[pairs.detections] = pairs.overlaps
        rows = np.full(len(detections), -1, dtype=np.int64)
        rows[pairs.detections] = pairs.objects
        return _Best(overlaps, rows)

    return best(pairs.select(same)), best(pairs.select(~same))


def _kinds(same: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The kind of each false detection, from its highest overlaps."""
    return np.select(
        [
            (same >= BACKGROUND_IOU) & (same <= VOC_IOU),
            other > VOC_IOU,
            same > VOC_IOU,
            other <= BACKGROUND_IOU,
        ],
        [
            ErrorKind.LOCALISATION,
            ErrorKind.CLASSIFICATION,
            ErrorKind.DUPLICATE,
            ErrorKind.BACKGROUND,
        ],
        ErrorKind.BOTH,
    )


def _best_of_each_object(
    rows: np.ndarray, objects: np.ndarray, detections: Detections
) -> np.ndarray:
    """Of these detections the one with the best score for each object."""
    by_score = rows[np.argsort(-detections.scores[rows], kind="stable")]
    _, firsts = np.unique(objects[by_score], return_index=True)
    return by_score[firsts]


def _mean_ap(
    labels: np.ndarray,
    scores: np.ndarray,
    true: np.ndarray,
    positives: np.ndarray,
    classes: np.ndarray,
) -> float:
    """Mean AP over all points of the given classes.

    Args:
        labels: (K,) of the detections that count.
        scores: (K,) theirs; equal ones count in this order.
        true: (K,) bool.
        positives: (C,) number of objects, of which none may be left.
        classes: labels to average over.
    """
    if len(classes) == 0:
        return float("nan")
    order = np.lexsort((-scores, labels))
    limits = np.searchsorted(labels[order], np.arange(len(positives) + 1))
    hits_of_all = true[order]
    total = 0.0
    for label in classes.tolist():
        ranks = np.flatnonzero(hits_of_all[limits[label] : limits[label + 1]]) + 1
        hits = np.arange(1, len(ranks) + 1)
        # Without a hit there is no precision to stretch: 0, however few objects are left.
        total += all_points(hits / ranks, hits / positives[label]) if len(hits) else 0.0
    return total / len(classes)
