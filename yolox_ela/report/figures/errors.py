"""Errors by kind, and what each kind costs."""

import numpy as np
from matplotlib.figure import Figure

from yolox_ela.report.errors import DETECTION_KINDS, ErrorKind, Errors
from yolox_ela.report.style import COLORS, GREY, new_figure

MEANINGS = {
    ErrorKind.CLASSIFICATION: "on an object, of the wrong class",
    ErrorKind.LOCALISATION: "right class, box too far off",
    ErrorKind.BOTH: "wrong class and box",
    ErrorKind.DUPLICATE: "object found already",
    ErrorKind.BACKGROUND: "no object there",
    ErrorKind.MISSED: "object not even nearly found",
}


def draw_errors(errors: Errors, kept: np.ndarray, threshold: float) -> Figure:
    """The gain in AP50 of mending each kind, and how many errors of each kind there are.

    Args:
        errors: of all detections.
        kept: (D,) bool: detections that reach the threshold, which alone are counted; they all
            take part in the gains.
        threshold: that threshold.
    """
    names = [f"{kind.title}\n{MEANINGS[kind]}" for kind in ErrorKind]
    gains = 100 * np.append(errors.gains, [errors.false_positive_gain, errors.false_negative_gain])
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
        f"percentage points by which AP50 ({100 * errors.ap:.1f})\n"
        "would rise if all errors of one kind were mended",
        fontsize="medium",
    )
    counts = [errors.count(kind, kept) for kind in DETECTION_KINDS]
    counts += [int(errors.missed.sum())]
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
