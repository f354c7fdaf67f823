"""The class activation maps of a detection on its photograph, with those of the network beside."""

from collections.abc import Mapping

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yolox_ela.explain.heat import Heat
from yolox_ela.report.gates import outline
from yolox_ela.report.style import PAGE_INCHES, new_figure

PANELS_A_ROW = 4
LONGEST_SIDE = 400  # of a photograph in a panel, in pixels


def plot_heats(
    image: np.ndarray,
    box: np.ndarray,
    heats: Mapping[str, Mapping[str, Heat]],
) -> Figure:
    """A photograph with a detection, and its map at each place, each scaled to its largest value.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: (4,) x1, y1, x2, y2 of the detection in pixels of the photograph.
        heats: the maps of each network, by its name, at the same places.
    """
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    places = list(next(iter(heats.values())))
    panels = ["", *places]  # the first one is the photograph
    lines = -(-len(panels) // PANELS_A_ROW)
    row_inches = PAGE_INCHES / PANELS_A_ROW * min(1.5, height / width) + 0.3
    figure = new_figure(lines * len(heats) * row_inches)
    grid = figure.subplots(lines * len(heats), PANELS_A_ROW, squeeze=False)
    for line in range(lines):
        shown = panels[line * PANELS_A_ROW : (line + 1) * PANELS_A_ROW]
        for row, (network, maps) in enumerate(heats.items(), line * len(heats)):
            grid[row, 0].set_ylabel(network, fontsize=8)
            for axes, place in zip(grid[row], shown, strict=False):
                if place:
                    _plot_heat(axes, small, place, maps[place], box)
                else:
                    axes.imshow(small[:, :, ::-1])
                axes.set(xticks=[], yticks=[])
                outline(axes, box[None] * scale)
            for axes in grid[row, len(shown) :]:
                axes.remove()
    return figure


def _plot_heat(axes: Axes, photograph: np.ndarray, place: str, heat: Heat, box: np.ndarray) -> None:
    axes.imshow(_blended(photograph, heat.pixels(photograph.shape[:2])))
    inside = heat.share_inside(box)
    said = f"{100 * inside:.0f}% inside"
    if np.isnan(inside):
        said = "only the padding" if heat.cells.max() > 0 else "no influence"
    axes.set_title(f"{place}: {said}", fontsize=9)


def _blended(photograph: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """(H, W, 3) in 0-1 RGB: the grey photograph, and the map in colors where it is high."""
    grey = cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY)[:, :, None] / 255
    share = heat / heat.max() if heat.max() > 0 else heat
    colors = colormaps["turbo"](share)[:, :, :3]
    weight = 0.15 + 0.5 * share[:, :, None] if heat.max() > 0 else 0
    return (1 - weight) * grey + weight * colors
