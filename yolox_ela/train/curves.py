"""Learning curves of a run as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from yolox_ela.evaluate.evaluator import METRICS
from yolox_ela.files import write_atomically
from yolox_ela.train.progress import LOSS_PARTS

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLORS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7")
METRIC_LABELS = ("AP50, 11 points (VOC07)", "AP50, all points", "AP50:95, COCO")


def draw_curves(history: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Losses, AP and learning rate over epochs, from the rows of metrics.csv."""
    figure, (losses, scores, rates) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    trained = [row for row in history if "loss" in row]
    epochs = [row["epoch"] for row in trained]
    for name, color in zip(LOSS_PARTS, COLORS, strict=True):
        losses.plot(epochs, [row[name] for row in trained], ".-", color=color, label=name)
    losses.set(title="training loss", xlabel="epoch", ylim=(0, None))
    _legend_below(losses)

    evaluated = [row for row in history if "ap50" in row]
    for key, label, color in zip(METRICS, METRIC_LABELS, COLORS[1:], strict=False):
        values = [100 * row[key] for row in evaluated]
        scores.plot([row["epoch"] for row in evaluated], values, ".-", color=color, label=label)
    scores.set(title="evaluation of the averaged weights", xlabel="epoch", ylabel="AP in percent")
    if evaluated:
        scores.set_ylim(0, None)
        _legend_below(scores)

    rates.plot(epochs, [row["lr"] for row in trained], ".-", color=COLORS[0])
    rates.set(title="learning rate at the end of the epoch", xlabel="epoch", ylim=(0, None))
    for axes in (losses, scores, rates):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(title)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=110, format="png"))
    plt.close(figure)


def _legend_below(axes: Axes) -> None:
    """Where it hides no curve."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize="small")
