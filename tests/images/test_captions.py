"""Captions stay inside the picture, near their boxes, apart from each other, and legible."""

import itertools

import numpy as np
import pytest

from yolox_ela.images.boxes import (
    Mark,
    caption_places,
    class_color,
    draw_marks,
    text_color,
)
from yolox_ela.images.captions import place_captions

SHAPES = [(480, 640), (900, 150), (120, 1000), (64, 64), (20, 400), (400, 20), (8, 5), (1, 1)]


def overlapping(places):
    """Pairs of rectangles that share area."""
    return [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(enumerate(places), 2)
        if min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
    ]


def marks_of(boxes, text="motorbike 0.87"):
    return [Mark(np.array(box, float), text, class_color(i)) for i, box in enumerate(boxes)]


def shown(marks, width, height):
    return [place for text, _, place in caption_places(marks, width, height) if text]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((100, 100, 200, 200), (100, 80, 160, 100)),  # above
        ((100, 10, 200, 200), (100, 200, 160, 220)),  # below, since above would leave the picture
        ((100, 10, 200, 290), (100, 10, 160, 30)),  # inside a box as high as the picture
        ((370, 100, 400, 200), (340, 80, 400, 100)),  # moved to the left
        ((-50, 100, 200, 200), (0, 80, 60, 100)),
    ],
)
def test_where_a_caption_stands(box, expected):
    places = place_captions(np.array([box]), np.array([[60, 20]]), (0, 0, 400, 300))
    assert places.tolist() == [list(expected)]


@pytest.mark.parametrize(
    "boxes",
    [
        [(100 + 4 * i, 120 + 3 * i, 180 + 4 * i, 220 + 3 * i) for i in range(6)],
        [(100, 120, 180, 220)] * 6,  # one on the other
        [(0, 0, 640, 480)] * 6,  # as large as the picture
        [(620, 460, 640, 480)] * 6,  # in the corner
        [(8 * i, 0, 8 * i + 30, 480) for i in range(6)],
    ],
)
def test_crowded_boxes(boxes):
    places = shown(marks_of(boxes), 640, 480)
    assert len(places) == 6
    assert overlapping(places) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_captions_lie_inside(shape, seed):
    """Any boxes, also such as reach beyond the picture; pixels outside them stay as they are."""
    height, width = shape
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-0.2, 1.2, (12, 2, 2)) * [width, height]
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    marks = marks_of(boxes)
    places = shown(marks, width, height)
    for x1, y1, x2, y2 in places:
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
    drawn = draw_marks(np.zeros((height, width, 3), np.uint8), marks)
    assert drawn.shape == (height, width, 3)


def test_full_of_captions():
    """Where there is no room, each covers little of the others, and all are there."""
    places = shown(marks_of([(10, 10, 90, 90)] * 40), 200, 100)
    assert len(places) == 40
    assert len(set(map(tuple, places))) > 5


def test_long_names_are_cut():
    ((text, _, (x1, _, x2, _)),) = caption_places(marks_of([(0, 0, 60, 60)], "x" * 90), 64, 64)
    assert text.endswith("…")
    assert (x1 >= 0, x2 <= 64) == (True, True)


def test_the_caption_is_as_legible_as_can_be():
    """A contrast of 4.5 or more, as WCAG asks for, for every color of a class."""

    def luminance(color):
        parts = [c / 255 for c in color]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    for color in map(class_color, range(80)):
        low, high = sorted([luminance(color), luminance(text_color(color))])
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_no_line_hides_a_caption():
    """The caption of a box within another's line stays whole."""
    boxes = [(100, 100, 200, 200), (50, 86, 300, 250)]
    marks = marks_of(boxes, "dog")
    background = marks[0].color
    x1, y1, x2, _ = shown(marks, 400, 300)[0]
    drawn = draw_marks(np.zeros((300, 400, 3), np.uint8), marks)[:, :, ::-1]
    edge = drawn[y1, x1:x2]
    assert (edge == background).all()
