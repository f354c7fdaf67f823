"""What each kind of error costs: the AP50 that fixing all errors of the kind would add.

After TIDE (Bolya et al., arXiv 2008.08115). The kinds are defined in `error_kinds.py`; an error is
fixed by

| kind           | fixed by                                                 |
|----------------|----------------------------------------------------------|
| localisation   | moving its box onto the object that it is about          |
| classification | giving it that object's class                            |
| duplicate      | removing it; a detection with a better score stays       |
| background     | removing it                                              |
| both           | removing it; the object that was meant is unknown        |
| missed         | removing the object from the ground truth                |

Each kind is fixed alone, from the same start, so the gains do not add up. Of several localisation
and classification errors about one object that was not found, the one with the best score is fixed;
the others, and those about an object that was found, are removed instead, as in TIDE. So are those
about difficult objects, since a better box or class would make them ignored. Two gains for
comparison: removing all false detections, and removing all objects that were not found.

The AP is `ap50`: all points, VOC's rules at IoU 0.5, the mean over classes with objects. (TIDE
takes it at 101 recalls, which lets a gain fall below zero; over all points none can.)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import all_points
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import SplitScores
from yolox_ela.report.error_kinds import DETECTION_KINDS, FIXABLE, ErrorKind, Errors
from yolox_ela.report.page import Section, plain_number
from yolox_ela.report.style import COLORS, GREY, new_figure, to_png

MEANINGS = {
    ErrorKind.CLASSIFICATION: "on an object, of the wrong class",
    ErrorKind.LOCALISATION: "right class, box too far off",
    ErrorKind.BOTH: "wrong class and box",
    ErrorKind.DUPLICATE: "object found already",
    ErrorKind.BACKGROUND: "no object there",
    ErrorKind.MISSED: "object not even nearly found",
}


@dataclass(frozen=True)
class ErrorCosts:
    """The errors and what they cost in AP50.

    Attributes:
        errors: the kind of each error.
        ap: mAP without any fix, in 0-1; NaN without objects.
        gains: (6,) float64: what fixing all errors of a kind would add to it.
        false_positive_gain: what removing all false detections would add.
        false_negative_gain: what removing all objects that were not found would add.
    """

    errors: Errors
    ap: float
    gains: np.ndarray
    false_positive_gain: float
    false_negative_gain: float

    def to_json(self) -> dict[str, Any]:
        """The costs as plain JSON values, without the single detections."""
        return {
            "ap50": plain_number(self.ap),
            "kinds": {
                kind.title: {
                    "count": self.errors.count(kind),
                    "ap50_gain": plain_number(self.gains[kind]),
                }
                for kind in ErrorKind
            },
            "false_positive_gain": plain_number(self.false_positive_gain),
            "false_negative_gain": plain_number(self.false_negative_gain),
        }


def error_costs(
    detections: Detections, split: VocSplit, scores: SplitScores, errors: Errors
) -> ErrorCosts:
    """Score the detections again with each kind of error fixed; see the module.

    Args:
        detections: the split's detections.
        split: the images and objects.
        scores: `score_split(detections, split)`.
        errors: `find_errors(detections, split, scores)`.
    """
    verdicts, _ = scores.verdicts()
    true, false = verdicts == Verdict.TRUE, verdicts == Verdict.FALSE
    kinds, objects = errors.kinds, errors.objects
    candidates = np.flatnonzero(np.isin(kinds, FIXABLE))
    candidates = candidates[errors.unfound[objects[candidates]]]
    fixable = _best_of_each_object(candidates, objects, detections)

    def mean_ap(keep: np.ndarray, fixed: np.ndarray, positives: np.ndarray) -> float:
        """mAP of the kept detections, those in `fixed` being true and of their object's class."""
        labels = detections.labels.copy()
        labels[fixed] = split.labels[objects[fixed]]
        hits = true.copy()
        hits[fixed] = True
        return _mean_ap(labels[keep], detections.scores[keep], hits[keep], positives, classes)

    positives = scores.voc.positives
    classes = np.flatnonzero(positives)
    none = np.zeros(0, dtype=np.int64)
    counted = true | false
    before = mean_ap(counted, none, positives)
    gains = np.zeros(len(ErrorKind))
    for kind in DETECTION_KINDS:
        fixed = fixable[kinds[fixable] == kind]
        keep = counted & (kinds != kind)
        keep[fixed] = True
        gains[kind] = mean_ap(keep, fixed, positives) - before

    def gain_without(removed: np.ndarray) -> float:
        fewer = positives - np.bincount(split.labels[removed], minlength=len(positives))
        return mean_ap(counted, none, fewer) - before

    gains[ErrorKind.MISSED] = gain_without(errors.missed)
    return ErrorCosts(
        errors=errors,
        ap=before,
        gains=gains,
        false_positive_gain=mean_ap(true, none, positives) - before,
        false_negative_gain=gain_without(errors.unfound),
    )


def plot_error_costs(costs: ErrorCosts, kept: np.ndarray, threshold: float) -> Figure:
    """Bars with the gain in AP50 from fixing each kind, and with the number of errors of each.

    Args:
        costs: the gains, which all detections take part in.
        kept: (D,) bool: the detections that reach the score threshold; only these are counted.
        threshold: the score threshold.
    """
    names = [f"{kind.title}\n{MEANINGS[kind]}" for kind in ErrorKind]
    both = [costs.false_positive_gain, costs.false_negative_gain]
    gains = 100 * np.append(costs.gains, both)
    names += ["all false detections", "all objects not found"]
    places = np.append(np.arange(len(ErrorKind)), len(ErrorKind) + np.array([0.4, 1.2]))
    figure = new_figure(5.2)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    colors = [COLORS[0]] * len(ErrorKind) + [GREY] * 2
    bars = left.barh(places, gains, 0.6, color=colors)
    left.bar_label(bars, [f"+{gain:.1f}" for gain in gains], padding=3)
    left.set_yticks(places, names)
    left.set_xlim(0, max(1.0, 1.15 * gains.max()))
    left.set_ylim(places[-1] + 0.6, -0.6)
    left.set_title(
        f"percentage points by which AP50 ({100 * costs.ap:.1f})\n"
        "would rise if all errors of one kind were fixed",
        fontsize="medium",
    )
    counts = [costs.errors.count(kind, kept) for kind in DETECTION_KINDS]
    counts += [int(costs.errors.missed.sum())]
    bars = right.barh(places[: len(counts)], counts, 0.6, color=COLORS[4])
    right.bar_label(bars, padding=3)
    right.set_xlim(0, max(1.0, 1.15 * max(counts)))
    right.set_title(
        f"number of errors, false detections\nfrom score {threshold:.3f}", fontsize="medium"
    )
    right.tick_params(axis="y", left=False)
    for axes in (left, right):
        axes.axhline(len(ErrorKind) - 0.3, color="0.8", linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def error_costs_section(costs: ErrorCosts, kept: np.ndarray, threshold: float) -> Section:
    """The bars as a part of a report; the arguments are those of `plot_error_costs`."""
    return Section(
        "Errors by kind",
        "As TIDE defines them (arXiv 2008.08115), and the AP50 that fixing all of one kind would "
        "give. Costs do not add up: fixing one kind changes what another costs.",
        {"errors": to_png(plot_error_costs(costs, kept, threshold))},
        numbers=costs.to_json(),
    )


def _best_of_each_object(
    rows: np.ndarray, objects: np.ndarray, detections: Detections
) -> np.ndarray:
    """The detection with the best score for each object, out of these rows."""
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
        labels: (K,) the labels of the detections that count.
        scores: (K,) their scores; detections with equal scores count in this order.
        true: (K,) bool: whether each of them is true.
        positives: (C,) the number of objects of each class, which may be 0.
        classes: the labels to average over.
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
        # Without a hit AP is 0, even if no object is left.
        total += all_points(hits / ranks, hits / positives[label]) if len(hits) else 0.0
    return total / len(classes)
