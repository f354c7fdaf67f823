"""The part of a report on what gates by row and column attend to, on photographs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.input_size import ImageSize
from yolox_ela.network.model import Yolox
from yolox_ela.report.gate_values import (
    CLOSED,
    KINDS,
    OPEN,
    Gated,
    GateStatistics,
    SiteGates,
    gate_statistics,
    photograph_gates,
)
from yolox_ela.report.page import PageTable, Section
from yolox_ela.report.style import (
    COLORS,
    PAGE_INCHES,
    new_figure,
    page_axes,
    plot_picture,
    to_png,
)

PANELS_A_ROW = 4
GAP, TITLE_INCHES = 0.1, 0.2  # between panels, and the height of a panel's title
MOST_HEIGHT = 1.5  # of a panel, as a multiple of its width
TITLE = "What the gates attend to"


def plot_gate_maps(
    image: np.ndarray,
    title: str,
    maps: Mapping[str, tuple[np.ndarray, float]],
    boxes: np.ndarray,
) -> Figure:
    """A photograph, and beside it maps of each site.

    Args:
        image: (H, W, 3) uint8 BGR.
        title: the photograph's title.
        maps: by site, an (h, w) map and the side of its cells in pixels of the photograph.
        boxes: (N, 4) the boxes of annotated objects, outlined in all panels.
    """
    height, width = image.shape[:2]
    side = (PAGE_INCHES - GAP * (PANELS_A_ROW + 1)) / PANELS_A_ROW
    scale = side / max(width, height / MOST_HEIGHT)  # inches of a pixel
    line = GAP + TITLE_INCHES + height * scale
    figure = new_figure(GAP + line * -(-(1 + len(maps)) // PANELS_A_ROW), layout=None)
    axes = page_axes(figure)
    for place, site in enumerate((None, *maps)):
        row, column = divmod(place, PANELS_A_ROW)
        left = GAP + column * (side + GAP) + (side - width * scale) / 2
        top = row * line + GAP + TITLE_INCHES
        corner = np.array([left, top, left, top])
        box = corner + np.array([0, 0, width, height]) * scale
        if site is None:
            plot_picture(axes, image[:, :, ::-1], box)
            said = title
        else:
            values, cell = maps[site]
            size = np.array([0, 0, values.shape[1], values.shape[0]]) * cell
            picture = plot_picture(
                axes, values, corner + size * scale, cmap="viridis", interpolation="nearest"
            )
            # Cells may reach over the photograph's border.
            picture.set_clip_path(
                Rectangle((left, top), *(box[2:] - box[:2]), transform=axes.transData)
            )
            said = f"{site}: {values.min():.2f} to {values.max():.2f}"
        axes.text(left + width * scale / 2, top - 0.06, said, fontsize=9, ha="center", va="bottom")
        outline(axes, corner + boxes * scale)
    return figure


def plot_gate_statistics(statistics: Sequence[GateStatistics]) -> Figure:
    """For each site and direction the mean of the gates, and the range of nine tenths of them."""
    figure = new_figure(0.8 + 0.26 * len(statistics))
    axes = figure.subplots()
    for low, high in ((0, CLOSED), (OPEN, 1)):
        axes.axvspan(low, high, color="#e8e8e8", linewidth=0)
    for place, row in enumerate(statistics):
        color = COLORS[0] if row.direction == "rows" else COLORS[1]
        axes.plot([row.low, row.high], [place] * 2, color=color, linewidth=1.5)
        axes.plot(
            [row.mean - row.along, row.mean + row.along], [place] * 2, color=color, linewidth=6
        )
        axes.plot(row.mean, place, "o", color="white", markeredgecolor="black", markersize=5)
    axes.set_yticks(range(len(statistics)), [f"{row.site}, {row.direction}" for row in statistics])
    axes.set(xlim=(0, 1), ylim=(len(statistics) - 0.4, -0.6), xlabel="gate")
    axes.grid(axis="x", alpha=0.3)
    return figure


def gates_section(
    model: Yolox,
    split: VocSplit,
    image_size: ImageSize,
    *,
    photographs: int = 3,
    statistics_over: int = 50,
) -> Section:
    """What a network's gates attend to, as a part of a report.

    Args:
        model: the network.
        split: the photographs, of which some at even distances are taken.
        image_size: size of the network's input.
        photographs: the largest number of photographs to show.
        statistics_over: the largest number of photographs to take the statistics over.

    Returns:
        A section that says so if the network has no gates, or photographs cannot be read.
    """
    note = without_gates(model)
    if not any(isinstance(module, Gated) for module in model.backbone.attention.values()):
        return Section(TITLE, note)
    observed: dict[int, dict[str, SiteGates]] = {}
    problems = []
    for index in _evenly(len(split), statistics_over):
        try:
            image = split.read(index)
        except UserError as error:
            problems.append(str(error))
            continue
        observed[index] = photograph_gates(model, image, image_size)
    if problems:
        note += f" Photographs that could not be read: {len(problems)} (first: {problems[0]})."
    if not observed:
        return Section(TITLE, note)
    read = list(observed)
    figures = {}
    for number, place in enumerate(_evenly(len(read), photographs), 1):
        index = read[place]
        image, boxes = split.read(index), split.boxes[split.objects(index)]
        for name, map_of in KINDS.items():
            maps = {site: (map_of(gates), gates.cell) for site, gates in observed[index].items()}
            figure = plot_gate_maps(image, str(split.ids[index]), maps, boxes)
            figures[f"photograph_{number}_{name}"] = to_png(figure, dpi=110)
    statistics = gate_statistics(list(observed.values()))
    figures["statistics_of_the_gates"] = to_png(plot_gate_statistics(statistics))
    text = (
        "Attention multiplies each channel of a map by a gate for each row and one for each "
        "column, here as shares of the largest value that a gate can have. The maps show the "
        "product of the two, once as the mean over channels, and once "
        "for the channel in which it differs most between positions. Yellow is the largest share "
        "that a site passes on this photograph, dark blue the smallest; the numbers above a map "
        "say how much that is. Where these numbers are close to each other, the colours "
        "exaggerate.\n\n"
        f"The statistics are over all channels of {len(read)} photographs, and the rows or columns "
        "that each photograph covers. A dot is the mean, a thin line reaches from the 5th to the "
        "95th percentile, and a thick one shows the standard deviation along the rows or columns "
        "within one channel (column 'along' of the table): where it is short, "
        "the gates of a site hardly depend on the position and weight channels instead. "
        f"Grey: gates below {CLOSED} and above {OPEN}."
    )
    numbers = [asdict(row) for row in statistics]
    return Section(TITLE, f"{text}\n\n{note}", figures, _table(statistics), numbers)


def _table(statistics: Sequence[GateStatistics]) -> PageTable:
    columns = ["site", "gates of", "mean", "std", "5%", "95%", "along", "between channels"]
    columns += [f"% below {CLOSED}", f"% above {OPEN}"]
    rows: list[list[str | float | None]] = [
        [
            *(
                row.site,
                row.direction,
                row.mean,
                row.std,
                row.low,
                row.high,
                row.along,
                row.between,
            ),
            *(100 * row.closed, 100 * row.open),
        ]
        for row in statistics
    ]
    return PageTable(columns, rows, decimals=3)


def without_gates(model: Yolox) -> str:
    """A sentence on the modules that have no gates by row and column; empty if all have."""
    modules = list(model.backbone.attention.values())
    if not modules:
        return "This network has no attention."
    kinds = {type(module).__name__ for module in modules if not isinstance(module, Gated)}
    if not kinds:
        return ""
    return f"Not shown, because they have no gates by row and column: {', '.join(sorted(kinds))}."


def outline(axes: Axes, boxes: np.ndarray) -> None:
    """Outline (N, 4) boxes in black and white, which shows on every background."""
    for x1, y1, x2, y2 in boxes:
        for color, width in (("white", 2.0), ("black", 0.8)):
            axes.add_patch(
                Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=width)
            )


def _evenly(count: int, most: int) -> list[int]:
    """At most `most` of the positions 0 to count - 1, at even distances."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()
