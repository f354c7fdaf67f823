"""Sheets of pictures: the window of each, its boxes and captions."""

import numpy as np
import pytest

from yolox_ela.report.sheet import Cell, Mark, crop_window, plot_sheet, unreadable


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((400, 300, 500, 350), (370, 245, 530, 405)),  # in the middle: 1.6 times the longer side
        ((0, 0, 100, 50), (0, 0, 160, 160)),  # moved inside
        ((950, 700, 1000, 750), (920, 670, 1000, 750)),
        ((500, 300, 504, 302), (470, 269, 534, 333)),  # at least 64 pixels
        ((0, 0, 1000, 750), (0, 0, 1000, 750)),  # no larger than the image
    ],
)
def test_crops_lie_inside_the_image_around_their_box(box, expected):
    assert crop_window([np.array(box)], (1000, 750)) == expected


def test_a_crop_holds_both_boxes():
    x1, y1, x2, y2 = crop_window(
        [np.array([0, 0, 9, 9]), np.array([300, 90, 340, 100])], (800, 600)
    )
    assert x1 <= 0
    assert y1 <= 0
    assert x2 >= 340
    assert y2 >= 100


def test_a_sheet_shows_the_window_with_its_boxes_and_captions():
    image = np.zeros((50, 100, 3), np.uint8)
    image[:, :, 0] = 255  # blue in BGR
    mark = Mark(np.array([10, 10, 30, 40]), "red", "cat", dashed=True)
    figure = plot_sheet(
        [Cell(image, [mark], "first", (0, 0, 50, 50)), Cell("gone", caption="b")], 4
    )
    (page,) = figure.axes
    (picture,) = page.images
    assert picture.get_array()[0, 0].tolist() == [0, 0, 255]  # RGB
    assert picture.get_array().shape == (50, 50, 3)
    # The box is where it is in the picture, whatever size that has on the page.
    left, right, bottom, top = picture.get_extent()
    (x, y), scale = (left, top), (right - left) / 50
    box = next(patch for patch in page.patches if patch.get_path_effects())
    expected = (x + 10 * scale, y + 10 * scale, 20 * scale, 30 * scale)
    assert box.get_bbox().bounds == pytest.approx(expected)
    assert bottom - top == pytest.approx(right - left)
    assert [text.get_text() for text in page.texts] == ["cat", "first", "gone", "b"]


def test_missing_pictures_are_counted_with_the_first_reason():
    assert unreadable([Cell(np.zeros((2, 2, 3), np.uint8))]) == ""
    assert "2 (first: lost a)" in unreadable([Cell("lost a"), Cell("lost b")])
