"""Figures as PNG files: names are shown as they are."""

import io

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from yolox_ela.report.style import new_figure, to_png


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def labelled(name):
    """A figure with a name in each place that a part of a report puts names."""
    figure = new_figure(2.0)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], label=name)
    axes.set_yticks([0, 1], [name, "b"])
    axes.set_title(name)
    axes.text(0.5, 0.5, name)
    figure.text(0.1, 0.1, name)
    figure.legend()
    return figure


@pytest.mark.parametrize("name", ["$x^{", "$5 or $6", "50% <b> & more", "a_b^c"])
def test_names_are_no_formulas(name):
    figure = labelled(name)
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    np.testing.assert_array_equal(pixels(to_png(labelled(name))), pixels(buffer.getvalue()))


def test_bytes_that_are_no_text_are_escaped():
    figure = new_figure(1.0)
    figure.text(0.1, 0.5, "caf\udce9.jpg")
    escaped = new_figure(1.0)
    escaped.text(0.1, 0.5, "caf\\udce9.jpg")
    np.testing.assert_array_equal(pixels(to_png(figure)), pixels(to_png(escaped)))
