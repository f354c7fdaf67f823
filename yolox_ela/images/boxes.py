"""Bounding boxes with captions on a picture."""

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from yolox_ela.images.captions import place_captions

Color = tuple[int, int, int]
LEAST_FONT = 7  # pixels; captions that are still too wide are cut
PADDING = 2  # pixels between a caption's text and its edge
DASH = 5  # pixels
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
NOWHERE = (0, 0, 0, 0)  # of a caption that is left out


@dataclass(frozen=True)
class Mark:
    """A bounding box to be rendered.

    Attributes:
        box: (4,) x1, y1, x2, y2 in pixels.
        caption: a few words; empty for none.
        color: RGB of the line and of the caption's background; None for a thin line of black and
            white dashes with the caption below.
    """

    box: np.ndarray
    caption: str
    color: Color | None


def draw_boxes(
    image: np.ndarray, boxes: np.ndarray, labels: Sequence[int], captions: Sequence[str]
) -> np.ndarray:
    """A copy of a picture with captioned bounding boxes, each in the color of its class.

    Args:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) x1, y1, x2, y2 in pixels, the most important box first.
        labels: N class indices.
        captions: N texts.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    colors = map(class_color, labels)
    return draw_marks(image, list(map(Mark, boxes, captions, colors)))


def draw_marks(image: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """A copy of a picture with bounding boxes; captions lie over all lines and inside the picture.

    Captions do not cover each other where there is room (see `place_captions`). In small pictures
    they are shortened to fit; where not even one letter fits, they are left out.

    Args:
        image: (H, W, 3) uint8 BGR.
        marks: the most important one first; dashed lines lie over the others.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    if not marks:
        return image.copy()
    height, width = image.shape[:2]
    picture = Image.fromarray(np.ascontiguousarray(image[:, :, ::-1]))
    pen = ImageDraw.Draw(picture)
    limit = np.array([width - 1, height - 1] * 2)
    solid = [mark for mark in marks if mark.color is not None]
    dashed = [mark for mark in marks if mark.color is None]
    for mark in [*reversed(solid), *dashed]:
        x1, y1, x2, y2 = np.clip(np.rint(np.asarray(mark.box)), 0, limit).astype(int).tolist()
        if mark.color is None:
            _dash(pen, x1, y1, x2, y2)
        else:
            line = max(2, min(width, height) // 200)
            pen.rectangle((x1, y1, x2, y2), outline=mark.color, width=line)
    _write_captions(pen, marks, width, height)
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def class_color(label: int) -> Color:
    """An RGB color for a class: hues a golden angle apart, in two brightnesses."""
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1, 0.85, 0.95 if label % 2 else 0.7)
    return int(255 * red), int(255 * green), int(255 * blue)


def text_color(background: Color) -> Color:
    """Black or white, whichever has more contrast (WCAG 2) on a background."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in background]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return BLACK if luminance > 0.179 else WHITE


@cache
def caption_font(size: int) -> ImageFont.FreeTypeFont:
    """The font of captions, which comes with matplotlib, at a size in pixels."""
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


def caption_places(
    marks: Sequence[Mark], width: int, height: int
) -> list[tuple[str, ImageFont.FreeTypeFont, tuple[int, ...]]]:
    """Text, font and rectangle (x1, y1, x2, y2 in pixels) of each caption; empty texts at no room.

    Args:
        marks: the most important one first.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
    """
    font = _fitting_font(marks, width, height)
    texts = [_fitting_text(mark.caption, font, width) for mark in marks]
    line = _even(sum(font.getmetrics()) + PADDING)
    if line > height:
        texts = [""] * len(texts)
    shown = [index for index, text in enumerate(texts) if text]
    sizes = [(_text_width(texts[index], font), line) for index in shown]
    boxes = [np.clip(np.rint(marks[index].box), 0, [width, height] * 2) for index in shown]
    places = place_captions(
        np.array(boxes).reshape(-1, 4),
        np.array(sizes).reshape(-1, 2),
        (0, 0, width, height),
        below=[marks[index].color is None for index in shown],
    )
    rectangles = dict(zip(shown, places.astype(int).tolist(), strict=True))
    return [(text, font, tuple(rectangles.get(i, NOWHERE))) for i, text in enumerate(texts)]


def _write_captions(
    pen: ImageDraw.ImageDraw, marks: Sequence[Mark], width: int, height: int
) -> None:
    places = caption_places(marks, width, height)
    for mark, (text, font, (x1, y1, x2, y2)) in reversed(list(zip(marks, places, strict=True))):
        if not text:
            continue
        background = mark.color or BLACK
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=background)
        place = (x1 + PADDING, y1 + PADDING // 2)
        pen.text(place, text, fill=text_color(background), font=font)


def _fitting_font(marks: Sequence[Mark], width: int, height: int) -> ImageFont.FreeTypeFont:
    """The font in a size for the picture, smaller if a caption is wider than the picture."""
    for size in range(max(11, min(width, height) // 32), LEAST_FONT, -1):
        font = caption_font(size)
        if all(_text_width(mark.caption, font) <= width for mark in marks):
            return font
    return caption_font(LEAST_FONT)


def _fitting_text(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """The text, cut with an ellipsis if it is wider than the picture; empty if nothing fits."""
    if not text or _text_width(text, font) <= width:
        return text
    for length in range(len(text) - 1, 0, -1):
        if _text_width(f"{text[:length]}…", font) <= width:
            return f"{text[:length]}…"
    return ""


def _text_width(text: str, font: ImageFont.FreeTypeFont) -> int:
    return _even(font.getlength(text) + 2 * PADDING)


def _even(length: float) -> int:
    """Rounded up to an even number, so that halves of it are whole pixels."""
    return 2 * math.ceil(length / 2)


def _dash(pen: ImageDraw.ImageDraw, x1: int, y1: int, x2: int, y2: int) -> None:
    """A rectangle of one pixel's width, in turn white and black."""
    for x in range(x1, x2 + 1):
        color = BLACK if (x - x1) // DASH % 2 else WHITE
        pen.point([(x, y1), (x, y2)], fill=color)
    for y in range(y1, y2 + 1):
        color = BLACK if (y - y1) // DASH % 2 else WHITE
        pen.point([(x1, y), (x2, y)], fill=color)
