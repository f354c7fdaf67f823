"""Boxes rendered into a picture leave the rest of it alone."""

import numpy as np
import pytest

from yolox_ela.images.boxes import class_color, draw_boxes

IMAGE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)


def drawn_on(image, *boxes):
    """Boxes of the classes 0, 1 and so on, the most important one first."""
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    labels = list(range(len(boxes)))
    return draw_boxes(image, boxes, labels, [f"class {label} 0.90" for label in labels])


def test_only_the_boxes_change():
    before = IMAGE.copy()
    drawn = drawn_on(IMAGE, (50, 60, 250, 200))
    assert np.array_equal(IMAGE, before), "the argument is untouched"
    assert drawn.shape == IMAGE.shape
    assert drawn.dtype == np.uint8
    changed = (drawn != IMAGE).any(axis=2)
    near = np.zeros_like(changed)
    near[60 - 17 : 205, 45:255] = True  # the caption stands above
    assert not changed[~near].any()
    # All four edges are there, and the inside is free.
    for edge in (
        changed[57:64, 60:240].any(axis=0),
        changed[197:204, 60:240].any(axis=0),
        changed[70:190, 47:54].any(axis=1),
        changed[70:190, 247:254].any(axis=1),
    ):
        assert edge.all()
    assert not changed[70:190, 60:240].any()


def test_colour_of_the_class():
    """RGB as `class_color` says, in an image that is BGR."""
    drawn = drawn_on(np.zeros((300, 400, 3), np.uint8), (50, 60, 250, 200))
    assert tuple(drawn[200, 150][::-1]) == class_color(0)
    assert len({class_color(label) for label in range(80)}) == 80


def test_strongest_on_top():
    """Two boxes of two classes with one outline: the better score shows."""
    box = (50, 60, 250, 200)
    drawn = drawn_on(IMAGE, box, box)
    assert tuple(drawn[200, 150][::-1]) == class_color(0)


def test_nothing_to_draw():
    drawn = drawn_on(IMAGE)
    assert np.array_equal(drawn, IMAGE)
    assert not np.shares_memory(drawn, IMAGE)


@pytest.mark.parametrize(
    "box", [(0, 0, 400, 300), (399.5, 0, 400, 300), (10, 10, 10, 10), (0, 0, 0.4, 0.4)]
)
def test_boxes_at_the_limit(box):
    assert drawn_on(IMAGE, box).shape == IMAGE.shape


def test_tiny_picture():
    picture = np.zeros((8, 5, 3), np.uint8)
    assert drawn_on(picture, (0, 0, 5, 8)).shape == picture.shape
