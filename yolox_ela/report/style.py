"""What the pictures of a report have in common."""

import io
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

# Okabe and Ito's colours, which colour-blind readers can tell apart; their yellow is too pale for
# lines on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#555555"

PAGE_INCHES = 10.0  # as wide as the page; so 10 points are about its text size
PHOTOGRAPH_DPI = 110  # for photographs, whose PNGs are large


def new_figure(height: float, *, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """An empty figure of the page's width, `height` inches high.

    It belongs to nobody but the caller: pyplot, with its global state and windows, is not used.
    """
    return Figure(figsize=(PAGE_INCHES, height), layout=layout)


def page_axes(figure: Figure) -> Axes:
    """One pair of axes all over a figure of `new_figure`, in inches from its upper left corner.

    Many small pictures are placed in it in a fraction of the time that axes for each would take.
    """
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    width, height = figure.get_size_inches()
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.autoscale(enable=False)
    return axes


def plot_picture(axes: Axes, pixels: np.ndarray, box: np.ndarray, **options: Any) -> AxesImage:
    """Plot a picture into a (4,) box x1, y1, x2, y2 of `page_axes`.

    Args:
        axes: the axes.
        pixels: (H, W, 3) uint8 RGB, or (H, W) numbers to be shown by a colour map.
        box: its place in inches.
        options: of matplotlib's `imshow`.
    """
    x1, y1, x2, y2 = box
    return axes.imshow(pixels, extent=(x1, x2, y2, y1), aspect="auto", **options)


def to_png(figure: Figure, *, dpi: int = 150) -> bytes:
    """A figure as the content of a PNG file; 150 dots per inch are 1500 pixels of page width.

    Names are shown as they are: a `$` starts no formula, and bytes of a file name that are no text
    are escaped. A character that the font lacks is shown as a box.
    """
    buffer = io.BytesIO()
    with rc_context({"text.parse_math": False}):  # for texts that are made while saving
        for text in figure.findobj(Text):
            text.set_parse_math(False)
            text.set_text(printable(text.get_text()))
        # Level 4 compresses photographs in 0.4 of the time of level 6, into 3 % more bytes.
        figure.savefig(buffer, format="png", dpi=dpi, pil_kwargs={"compress_level": 4})
    return buffer.getvalue()


def legend_label(name: str) -> str:
    """A name as the label of a legend, which leaves out those that start with an underscore.

    matplotlib 3.9 does so even where a legend is given its lines.
    """
    return f" {name}" if name.startswith("_") else name


def printable(text: str) -> str:
    """Text with the bytes of file names that are not UTF-8 as escapes such as `\\udcff`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
