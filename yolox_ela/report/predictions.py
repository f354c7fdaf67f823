"""A picture of a network's detections on a few images of a split, with the annotated objects."""

from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections, ImageDetections
from yolox_ela.images.letterbox import PAD_VALUE, letterbox
from yolox_ela.system.files import write_atomically

IMAGES, COLUMNS = 6, 3
SIDE, GAP = 320, 4  # an image's side, and the space to its right and below, in pixels
MIN_SCORE = 0.3  # as in predictions
DASH = 5  # pixels


def draw_predictions(detections: Detections, split: VocSplit) -> np.ndarray:
    """The split's first images, three in a row, with boxes of two kinds.

    Detections that score 0.3 or more have coloured lines, class and score at the top; annotated
    objects have dashed lines, black and white, and their class below.

    Args:
        detections: the detections of the whole split.
        split: the images and objects.

    Returns:
        (rows * 324, 972, 3) uint8 RGB.
    """
    count = min(IMAGES, len(split))
    rows, cell = -(-count // COLUMNS), SIDE + GAP
    cells = np.full((rows * COLUMNS, cell, cell, 3), PAD_VALUE, np.uint8)
    for index in range(count):
        image, scale = letterbox(split.read(index), SIDE)
        found = _detections_of(index, detections, split, scale)
        drawn = found.drawn_on(image)[:, :, ::-1]
        cells[index, :SIDE, :SIDE] = _draw_objects(drawn, index, split, scale)
    sheet = cells.reshape(rows, COLUMNS, cell, cell, 3).swapaxes(1, 2)
    return sheet.reshape(rows * cell, COLUMNS * cell, 3)


def save_png(image: np.ndarray, path: Path) -> None:
    """Write an (H, W, 3) uint8 RGB picture.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, lambda temporary: Image.fromarray(image).save(temporary, "PNG"))


def _detections_of(
    index: int, detections: Detections, split: VocSplit, scale: float
) -> ImageDetections:
    """The detections of an image that score `MIN_SCORE` or more, best score first."""
    rows = np.flatnonzero((detections.images == index) & (detections.scores >= MIN_SCORE))
    rows = rows[np.argsort(-detections.scores[rows], kind="stable")]
    labels = detections.labels[rows]
    return ImageDetections(
        detections.boxes[rows] * scale,
        detections.scores[rows],
        labels,
        tuple(split.classes[label] for label in labels),
    )


def _draw_objects(image: np.ndarray, index: int, split: VocSplit, scale: float) -> np.ndarray:
    """The image with the annotated objects on top, where no detection can hide them."""
    image = image.copy()
    here = split.objects(index)
    boxes = np.rint(split.boxes[here] * scale).astype(int).clip(0, SIDE - 1)
    for x1, y1, x2, y2 in boxes:
        for x in (x1, x2):
            image[y1 : y2 + 1, x] = _dashes(y1, y2)
        for y in (y1, y2):
            image[y, x1 : x2 + 1] = _dashes(x1, x2)
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 11)  # matplotlib's own
    for (x1, _, _, y2), label in zip(boxes, split.labels[here], strict=True):
        # Below the box, or inside it at the lower border of the picture.
        y, anchor = (y2 + 2, "la") if y2 + 16 < SIDE else (y2 - 3, "ls")
        place, name = (float(x1 + 2), float(y)), split.classes[label]
        draw.text(place, name, "white", font, anchor=anchor, stroke_width=1, stroke_fill="black")
    return np.asarray(picture)


def _dashes(start: int, end: int) -> np.ndarray:
    """(end - start + 1, 1) the pixels of a dashed line, white and black in turn."""
    return np.where(np.arange(start, end + 1) // DASH % 2, 0, 255).astype(np.uint8)[:, None]
