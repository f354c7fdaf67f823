"""A group's picture: differences with their intervals, and what each network costs."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yolox_ela.evaluate.scores import METRIC_HEADERS
from yolox_ela.report.style import COLORS, GREY, new_figure
from yolox_ela.study.findings import Finding
from yolox_ela.study.table import signed
from yolox_ela.tables.complexity import Complexity


def plot_study(
    title: str,
    findings: Sequence[Finding],
    costs: Mapping[str, Complexity],
    baseline: str,
    metric: str,
) -> Figure:
    """A row for each method: left how much higher it scores than the baseline, right its cost.

    Args:
        title: the picture's title.
        findings: the methods, and in grey weights that stand beside.
        costs: the cost of the network of each finding, by the name of its method.
        baseline: the method that the others are compared with.
        metric: one of `METRICS`.
    """
    figure = new_figure(1.6 + 0.5 * max(len(findings), 3))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    _plot_differences(left, findings, metric)
    left.set_title(f"{METRIC_HEADERS[metric]} compared with {baseline}", fontsize="medium")
    left.set_xlabel("difference in percentage points; 95% interval over images and seeds")
    _plot_costs(right, findings, costs)
    right.set_title("cost", fontsize="medium")
    right.set_xlabel("GFLOPs for one image; parameters")
    figure.suptitle(title, fontsize="medium")
    return figure


def _plot_differences(axes: Axes, findings: Sequence[Finding], metric: str) -> None:
    axes.axvline(0, color=GREY, linewidth=1)
    for place, found in enumerate(findings):
        difference, color = found.differences[metric], _color(found)
        if difference is None:
            if found.seeds:  # the baseline
                axes.plot(0, place, "o", color="white", markeredgecolor=color, markersize=6)
            continue
        axes.hlines(place, difference.low, difference.high, color=color, linewidth=2)
        axes.plot([difference.low, difference.high], [place] * 2, "|", color=color, markersize=9)
        axes.plot(difference.value, place, "o", color=color, markersize=6)
        axes.annotate(
            signed(difference.value),
            (difference.value, place),
            (0, 8),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},  # over the line at zero
        )
    axes.set_yticks(range(len(findings)), [_label(found, metric) for found in findings])
    axes.set_ylim(len(findings) - 0.5, -0.6)
    axes.grid(axis="x", alpha=0.3)


def _plot_costs(axes: Axes, findings: Sequence[Finding], costs: Mapping[str, Complexity]) -> None:
    flops = [costs[found.method].flops / 1e9 for found in findings]
    axes.barh(range(len(findings)), flops, 0.45, color=[_color(found) for found in findings])
    for place, found in enumerate(findings):
        axes.annotate(
            f"{flops[place]:.3f}; {costs[found.method].parameters / 1e6:.3f} M",
            (flops[place], place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    axes.set_xlim(0, 1.7 * max(flops))
    axes.tick_params(left=False)


def _color(found: Finding) -> str:
    return COLORS[0] if found.seeds else GREY


def _label(found: Finding, metric: str) -> str:
    seeds = len(found.seeds)
    runs = f", {seeds} seed{'s' if seeds > 1 else ''}" if seeds else ""
    return f"{found.method}\n{found.mean(metric):.2f}{runs}"
