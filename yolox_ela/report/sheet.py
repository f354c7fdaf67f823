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
from yolox_ela.report.style import PAGE_INCHES, new_figure, page_axes, plot_picture

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
    figure = new_figure(height, layout=None)
    axes = page_axes(figure)
    for position, (cell, caption) in enumerate(zip(cells, captions, strict=True)):
        row, column = divmod(position, columns)
        left, top = column * (side + GAP), row * pitch
        shown = _plot_cell(axes, cell, left, top, side)
        axes.text(
            left,
            top + shown + 0.04,
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


def _plot_cell(axes: Axes, cell: Cell, left: float, top: float, side: float) -> float:
    """Plot a cell of `side` inches at a place of the page.

    Returns:
        The height of what is shown, in inches.
    """
    if isinstance(cell.image, str):
        axes.add_patch(Rectangle((left, top), side, side, facecolor="#dddddd"))
        middle = (left + side / 2, top + side / 2)
        text = _wrapped(cell.image, 0.8 * side)
        axes.text(*middle, text, ha="center", va="center", fontsize=CAPTION_POINTS)
        return side
    height, width = cell.image.shape[:2]
    x1, y1, x2, y2 = cell.window or (0, 0, width, height)
    # With some white around it, so that the line of a box at the border is not cut in half.
    rim = RIM * max(x2 - x1, y2 - y1)
    inches = side / (max(x2 - x1, y2 - y1) + 2 * rim)  # of one pixel
    origin = np.array([x1 - rim, y1 - rim, x1 - rim, y1 - rim])
    corner = np.array([left, top, left, top])

    def on_page(box: Sequence[float] | np.ndarray) -> np.ndarray:
        return (np.asarray(box) - origin) * inches + corner

    plot_picture(axes, cell.image[y1:y2, x1:x2, ::-1], on_page((x1, y1, x2, y2)))
    limits = on_page((x1 - rim, y1 - rim, x2 + rim, y2 + rim))
    window = Rectangle((limits[0], limits[1]), *(limits[2:] - limits[:2]), transform=axes.transData)
    boxes = [on_page(mark.box) for mark in cell.marks]
    for mark, box in zip(cell.marks, boxes, strict=True):
        _plot_mark(axes, mark, box, window)
    _plot_labels(axes, cell.marks, boxes, limits, window)
    return float(limits[3] - limits[1])


def _plot_mark(axes: Axes, mark: Mark, box: np.ndarray, window: Rectangle) -> None:
    outline = Rectangle(
        (box[0], box[1]),
        box[2] - box[0],
        box[3] - box[1],
        fill=False,
        edgecolor=mark.color,
        linewidth=1.4,
        linestyle=(0, (4, 2)) if mark.dashed else "-",
    )
    # A rim of the opposite brightness keeps it visible on every background.
    rim = "#000000a0" if sum(to_rgb(mark.color)) > 1.5 else "#ffffffa0"
    outline.set_path_effects([withStroke(linewidth=2.8, foreground=rim)])
    axes.add_patch(outline)
    outline.set_clip_path(window)


def _plot_labels(
    axes: Axes,
    marks: Sequence[Mark],
    boxes: Sequence[np.ndarray],
    limits: np.ndarray,
    window: Rectangle,
) -> None:
    """Captions of marks, inside the (4,) limits of their cell and apart from each other."""
    point = 1 / 72  # in inches
    labelled = [(mark, box) for mark, box in zip(marks, boxes, strict=True) if mark.label]
    sizes = [_label_size(mark.label) * point for mark, _ in labelled]
    places = place_captions(
        np.array([np.clip(box, limits[[0, 1] * 2], limits[[2, 3] * 2]) for _, box in labelled]),
        np.minimum(np.array(sizes).reshape(-1, 2), limits[2:] - limits[:2]),
        tuple(limits.tolist()),
    )
    for (mark, _), (x, y, _, _) in zip(labelled, places, strict=True):
        text = axes.text(
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
        text.set_clip_path(window)


def _label_size(text: str) -> np.ndarray:
    """(2,) width and height in points, with the background."""
    font = caption_font(100)
    size = np.array([font.getlength(text), sum(font.getmetrics())]) * LABEL_POINTS / 100
    return size + 2 * LABEL_PAD


def _wrapped(text: str, inches: float) -> str:
    """The text with its lines broken to the width of their cell."""
    width = int(inches * CHARACTERS_AN_INCH)
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())
