"""What the pictures of a report have in common."""

import io

from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can tell apart; their yellow is too pale for
# lines on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#555555"

PAGE_INCHES = 10.0  # as wide as the page; so 10 points are about its text size
PHOTOGRAPH_DPI = 110  # for photographs, whose PNGs are large


def new_figure(height: float) -> Figure:
    """An empty figure of the page's width, `height` inches high.

    It belongs to nobody but the caller: pyplot, with its global state and windows, is not used.
    """
    return Figure(figsize=(PAGE_INCHES, height), layout="constrained")


def to_png(figure: Figure, *, dpi: int = 150) -> bytes:
    """A figure as the content of a PNG file; 150 dots an inch are 1500 pixels of page width."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
