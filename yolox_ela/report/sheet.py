"""A sheet of small pictures with boxes and captions."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from yolox_ela.images.boxes import caption_font
from yolox_ela.images.captions import place_captions
from yolox_ela.report.style import PAGE_INCHES

GAP = 0.08  # inches between cells
LINE = 0.155  # height of a line of a caption, in inches
LABEL_POINTS, CAPTION_POINTS = 7.5, 8
LABEL_PAD = 1.2  # points between a label and the edge of its background
RIM = 0.012  # white around a picture, as a share of its longer side
CHARACTERS_AN_INCH = 17  # characters of a caption that fit at least
CONTEXT = 1.6  # side of a crop, as a multiple of the longer side of the boxes in it
LEAST_CROP = 64  # pixels


@dataclass(frozen=True)
class Mark:
    """A box on a picture.

    Attributes:
        box: (4,) x1, y1, x2, y2 in the picture's pixels.
        color: RGB in 0-1, or a name that matplotlib knows.
        label: a word or two at the box.
        dashed: whether its line is dashed instead of solid.
    """

    box: np.ndarray
    color: str | tuple[float, float, float]
    label: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet.

    Attributes:
        image: (H, W, 3) uint8 BGR, or the reason why there is no image.
        marks: the boxes on it; what lies outside the window is cut off.
        caption: the lines of text below it.
        window: x1, y1, x2, y2 of the part to show; None for the whole image.
    """

    image: np.ndarray | str
    marks: Sequence[Mark] = ()
    caption: str = ""
    window: tuple[int, int, int, int] | None = None


def plot_sheet(cells: Sequence[Cell], columns: int) -> Figure:
    """Square cells, row by row from the upper left; a cell without its picture says why.

    Raises:
        ValueError: there are no cells.
    """
    if not cells:
        raise ValueError("a sheet needs at least one cell")
    side = (PAGE_INCHES - GAP * (columns - 1)) / columns
    captions = [_wrapped(cell.caption, side) for cell in cells]
    lines = max(len(caption.splitlines()) for caption in captions)
    pitch = side + GAP + LINE * lines
    height = pitch * -(-len(cells) // columns)
    figure = Figure(figsize=(PAGE_INCHES, height))
    for position, (cell, caption) in enumerate(zip(cells, captions, strict=True)):
        row, column = divmod(position, columns)
        left, top = column * (side + GAP), height - row * pitch
        axes = figure.add_axes(
            (left / PAGE_INCHES, (top - side) / height, side / PAGE_INCHES, side / height)
        )
        axes.set_axis_off()
        axes.set(xticks=[], yticks=[])  # which would be made all the same
        axes.set_anchor("NW")
        shape = _plot_cell(axes, cell, side)
        figure.text(
            left / PAGE_INCHES,
            (top - side * min(1.0, shape) - 0.04) / height,
            caption,
            fontsize=CAPTION_POINTS,
            va="top",
            linespacing=1.15,
        )
    return figure


def crop_window(
    boxes: Sequence[np.ndarray], size: tuple[int, int] | np.ndarray
) -> tuple[int, int, int, int]:
    """A square around boxes with some context, moved and cut so as to lie inside the image.

    Args:
        boxes: the boxes, each (4,) x1, y1, x2, y2.
        size: the width and height of the image.

    Returns:
        x1, y1, x2, y2 in whole pixels.
    """
    corners = np.stack(boxes)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    side = max(LEAST_CROP, CONTEXT * float((high - low).max()))
    window = []
    for middle, length in zip((low + high) / 2, size, strict=True):
        extent = min(side, float(length))
        start = min(max(0.0, middle - extent / 2), length - extent)
        window.append((int(start), min(int(length), int(np.ceil(start + extent)))))
    (x1, x2), (y1, y2) = window
    return x1, y1, x2, y2


def unreadable(cells: Iterable[Cell]) -> str:
    """A sentence about the pictures that are missing from sheets; empty if there are none."""
    reasons = [cell.image for cell in cells if isinstance(cell.image, str)]
    if not reasons:
        return ""
    return f"Pictures that could not be read: {len(reasons)} (first: {reasons[0]})."


def _plot_cell(axes: Axes, cell: Cell, side: float) -> float:
    """Plot a cell into axes of `side` inches.

    Returns:
        The height of what is shown, divided by its width.
    """
    if isinstance(cell.image, str):
        axes.add_patch(Rectangle((0, 0), 1, 1, facecolor="#dddddd"))
        text = _wrapped(cell.image, 0.8 * side)
        axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=CAPTION_POINTS)
        return 1.0
    height, width = cell.image.shape[:2]
    x1, y1, x2, y2 = cell.window or (0, 0, width, height)
    axes.imshow(cell.image[y1:y2, x1:x2, ::-1], extent=(x1, x2, y2, y1))
    # With some white around it, so that the line of a box at the border is not cut in half.
    rim = RIM * max(x2 - x1, y2 - y1)
    axes.set(xlim=(x1 - rim, x2 + rim), ylim=(y2 + rim, y1 - rim))
    for mark in cell.marks:
        _plot_mark(axes, mark)
    _plot_labels(axes, cell.marks, side)
    return (y2 - y1 + 2 * rim) / (x2 - x1 + 2 * rim)


def _plot_mark(axes: Axes, mark: Mark) -> None:
    x1, y1, x2, y2 = (float(value) for value in mark.box)
    outline = Rectangle(
        (x1, y1),
        x2 - x1,
        y2 - y1,
        fill=False,
        edgecolor=mark.color,
        linewidth=1.4,
        linestyle=(0, (4, 2)) if mark.dashed else "-",
    )
    # A rim of the opposite brightness keeps it visible on every background.
    rim = "#000000a0" if sum(to_rgb(mark.color)) > 1.5 else "#ffffffa0"
    outline.set_path_effects([withStroke(linewidth=2.8, foreground=rim)])
    axes.add_patch(outline)


def _plot_labels(axes: Axes, marks: Sequence[Mark], side: float) -> None:
    """Captions of marks on axes of `side` inches, inside them and apart from each other."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    point = max(right - left, bottom - top) / side / 72  # in the picture's pixels
    limits = np.array([left, top, right, bottom])
    labelled = [mark for mark in marks if mark.label]
    sizes = [_label_size(mark.label) * point for mark in labelled]
    places = place_captions(
        np.array([np.clip(mark.box, limits[[0, 1] * 2], limits[[2, 3] * 2]) for mark in labelled]),
        np.minimum(np.array(sizes).reshape(-1, 2), limits[2:] - limits[:2]),
        (left, top, right, bottom),
    )
    for mark, (x, y, _, _) in zip(labelled, places, strict=True):
        axes.text(
            x + LABEL_PAD * point,
            y + LABEL_PAD * point,
            mark.label,
            fontsize=LABEL_POINTS,
            color="white",
            ha="left",
            va="top",
            clip_on=True,
            bbox={"facecolor": (0, 0, 0, 0.65), "edgecolor": mark.color, "pad": LABEL_PAD},
        )


def _label_size(text: str) -> np.ndarray:
    """(2,) width and height in points, with the background."""
    font = caption_font(100)
    size = np.array([font.getlength(text), sum(font.getmetrics())]) * LABEL_POINTS / 100
    return size + 2 * LABEL_PAD


def _wrapped(text: str, inches: float) -> str:
    """The text with its lines broken to the width of their cell."""
    width = int(inches * CHARACTERS_AN_INCH)
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())
