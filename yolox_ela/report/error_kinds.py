"""The kind of error of each false detection and of each object that was not found.

The kinds are those of TIDE (Bolya et al., arXiv 2008.08115), with VOC's rules where the two differ.
Each false detection is of the first kind that applies, `same` and `other` being its highest IoU
with an object of its own class and of any other class:

| kind           | condition           |
|----------------|---------------------|
| localisation   | 0.1 <= same <= 0.5  |
| classification | other > 0.5         |
| duplicate      | same > 0.5          |
| background     | other <= 0.1        |
| both           | 0.1 < other <= 0.5  |

The sixth kind is of objects: an object is missed if it was not found, and no localisation or
classification error is about it. VOC ignores detections of difficult objects, so they are no error
here; those that overlap a difficult object too little, or have the wrong class, are errors of their
kind. What each kind costs is in `error_costs.py`.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.overlap import Pairs, overlapping_pairs
from yolox_ela.evaluate.rules import VOC_IOU, VOC_RULES
from yolox_ela.evaluate.scores import SplitScores

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
        """The kind's name in words."""
        return self.name.lower()


NO_ERROR = -1
DETECTION_KINDS = tuple(kind for kind in ErrorKind if kind is not ErrorKind.MISSED)
FIXABLE = (ErrorKind.LOCALISATION, ErrorKind.CLASSIFICATION)  # by another box, or another class


@dataclass(frozen=True)
class Errors:
    """The error of each detection and of each object.

    Attributes:
        kinds: (D,) int8 `ErrorKind` of each false detection, `NO_ERROR` for true and ignored ones.
        objects: (D,) int64 row of the object that a detection found or that its error is about: the
            one whose overlap decided; -1 for background.
        overlaps: (D,) float64 IoU with that object, 0 without one.
        missed: (M,) bool: objects of the kind `MISSED`.
        unfound: (M,) bool: all objects, except difficult ones, that no detection found.
    """

    kinds: np.ndarray
    objects: np.ndarray
    overlaps: np.ndarray
    missed: np.ndarray
    unfound: np.ndarray

    def count(self, kind: ErrorKind, selected: np.ndarray | slice = slice(None)) -> int:
        """Number of errors of a kind.

        Args:
            kind: the kind to count.
            selected: (D,) bool: the detections to count, all by default; no matter for `MISSED`,
                which counts objects.
        """
        if kind is ErrorKind.MISSED:
            return int(self.missed.sum())
        return int((self.kinds[selected] == kind).sum())


def find_errors(detections: Detections, split: VocSplit, scores: SplitScores) -> Errors:
    """Find the kind of every error; see the module.

    Args:
        detections: the split's detections.
        split: the images and objects.
        scores: `score_split(detections, split)`.
    """
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
    missed = unfound.copy()
    missed[objects[np.isin(kinds, FIXABLE)]] = False
    return Errors(
        kinds=kinds,
        objects=objects,
        overlaps=np.where(own, of_class.overlaps, of_others.overlaps) * (objects >= 0),
        missed=missed,
        unfound=unfound,
    )


@dataclass(frozen=True)
class _Best:
    """(D,) highest overlap of each detection, 0 without any, and (D,) row of the object or -1."""

    overlaps: np.ndarray
    objects: np.ndarray


def _best_overlaps(detections: Detections, objects: Objects) -> tuple[_Best, _Best]:
    """The highest overlaps with objects of the detection's class, and of other classes."""
    pairs = overlapping_pairs(
        detections.boxes, detections.images, objects, objects.images, VOC_RULES
    )
    same = detections.labels[pairs.detections] == objects.labels[pairs.objects]

    def best(pairs: Pairs) -> _Best:
        # Later assignments to a row win, so sort the highest overlap, first annotated, to the end.
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
