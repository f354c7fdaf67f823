"""The picture of predictions: which boxes it shows, and how the two kinds differ."""

import cv2
import numpy as np
import pytest

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.report.predictions import draw_predictions, save_png

GREY = (90, 90, 90)


@pytest.fixture
def split(tmp_path):
    """Two plain grey images of 640x640, the first with a dog at 160, 160, 480, 480."""
    paths = []
    for index in range(2):
        paths.append(tmp_path / f"{index}.png")
        cv2.imwrite(str(paths[-1]), np.full((640, 640, 3), GREY, np.uint8))
    return VocSplit(
        ("cat", "dog"),
        np.array(["0", "1"]),
        np.array([str(path) for path in paths]),
        np.full((2, 2), 640, np.int32),
        np.array([0, 1, 1]),
        np.array([[160, 160, 480, 480]], np.float32),
        np.array([1]),
        np.array([False]),
    )


def detections(*rows):
    """Of (image, box, score)."""
    return Detections(
        np.array([image for image, _, _ in rows], np.int64),
        np.array([box for _, box, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, _, score in rows], np.float32),
        np.zeros(len(rows), np.int64),
    )


def cell(sheet, index):
    return sheet[:320, 324 * index : 324 * index + 320]


def test_objects_are_dashed_at_their_place(split):
    sheet = draw_predictions(detections(), split)
    assert sheet.shape == (324, 972, 3)
    left_side = cell(sheet, 0)[80:241, 80]
    assert set(map(tuple, left_side.tolist())) == {(0, 0, 0), (255, 255, 255)}
    assert (cell(sheet, 0)[85:235, 85:235] == GREY).all(), "nothing inside"
    assert (cell(sheet, 1) == GREY).all(), "no objects, no detections"


def test_detections_are_coloured_and_of_their_image(split):
    box = [320, 320, 600, 600]
    sheet = draw_predictions(detections((1, box, 0.9), (1, [0, 0, 300, 300], 0.29)), split)
    bare = draw_predictions(detections(), split)
    assert (cell(sheet, 0) == cell(bare, 0)).all(), "it was found in the other image"
    rows, columns = np.nonzero((cell(sheet, 1) != cell(bare, 1)).any(axis=2))
    caption = 16  # pixels, above the box
    for found, expected in ((rows, (160 - caption, 300)), (columns, (160, 300))):
        assert (found.min(), found.max()) == pytest.approx(expected, abs=2), "half the size"
    red, green, blue = cell(sheet, 1)[230, 160].tolist()
    assert len({red, green, blue}) > 1, "no grey, black or white"


def test_file_has_the_same_colours(split, tmp_path):
    sheet = draw_predictions(detections((0, [10, 10, 300, 300], 0.9)), split)
    save_png(sheet, tmp_path / "sheet.png")
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "sheet.png"))[:, :, ::-1], sheet)
