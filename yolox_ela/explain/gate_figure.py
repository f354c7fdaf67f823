"""The gates of each site along the edges of a photograph."""

from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from yolox_ela.explain.heat_figure import LONGEST_SIDE, PANELS_A_ROW
from yolox_ela.report.gate_values import SiteGates
from yolox_ela.report.style import PAGE_INCHES, new_figure

EDGE = 0.45  # thickness of the strips beside a photograph, as a share of its width or height
LEAST_RANGE = 0.1  # of the colors, so that they do not exaggerate gates that hardly differ


def plot_gates(image: np.ndarray, gates: Mapping[str, SiteGates]) -> Figure:
    """For each site the photograph, its gates by row at the left and its gates by column above.

    Each strip has a line for each channel, with the smallest mean gate at the outer edge. A strip
    whose color changes across it only weights channels; one whose color changes along it also
    weights positions.

    Args:
        image: (H, W, 3) uint8 BGR.
        gates: the gates of each site.
    """
    lines = -(-(len(gates) + 1) // PANELS_A_ROW)  # the scale of the colors is a panel too
    ratio = min(1.5, image.shape[0] / image.shape[1])
    figure = new_figure(lines * (PAGE_INCHES / PANELS_A_ROW * ratio + 0.35))
    panels = np.ravel(figure.subfigures(lines, PANELS_A_ROW, squeeze=False))
    colors = _range(gates.values())
    for panel, (site, values) in zip(panels, gates.items(), strict=False):
        _plot_site(panel, image, site, values, colors)
    axes = panels[len(gates)].subplots()
    axes.axis("off")
    axes.set_title("share of the\nlargest gate", fontsize=9)
    figure.colorbar(
        ScalarMappable(colors, "viridis"), ax=axes, fraction=0.3, aspect=8, extend="both"
    )
    return figure


def _range(gates: Iterable[SiteGates]) -> Normalize:
    """The colors' range: 98% of the gates of all sites, and at least `LEAST_RANGE` wide."""
    values = np.concatenate([np.ravel(s) for site in gates for s in (site.rows, site.columns)])
    low, high = map(float, np.percentile(values, (1, 99)))
    missing = max(0.0, LEAST_RANGE - (high - low)) / 2
    return Normalize(low - missing, high + missing)


def _plot_site(
    panel: SubFigure, image: np.ndarray, site: str, gates: SiteGates, range_of_colors: Normalize
) -> None:
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (corner, above), (left, middle) = panel.subplots(
        2, 2, width_ratios=(EDGE, 1), height_ratios=(EDGE, 1)
    )
    corner.axis("off")
    look: dict[str, Any] = {"cmap": "viridis", "norm": range_of_colors, "aspect": "auto"}
    rows, columns = _by_mean(gates.rows), _by_mean(gates.columns)
    left.imshow(rows.T, extent=(0, 1, rows.shape[1] * gates.cell, 0), **look)
    above.imshow(columns, extent=(0, columns.shape[1] * gates.cell, 1, 0), **look)
    middle.imshow(small[:, :, ::-1], extent=(0, width, height, 0), aspect="auto")
    left.set_ylim(height, 0)
    above.set_xlim(0, width)
    above.set_title(f"{site}, {len(rows)} channels", fontsize=9)
    for axes in (above, left, middle):
        axes.set(xticks=[], yticks=[])


def _by_mean(strip: np.ndarray) -> np.ndarray:
    """(C, L) with the channels in ascending order of their mean."""
    return strip[strip.mean(axis=1).argsort()]
