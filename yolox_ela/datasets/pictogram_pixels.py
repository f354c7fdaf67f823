"""Rendering a pictogram with smooth edges and some random variation."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from yolox_ela.datasets.pictograms import PICTOGRAMS, Shape

OUTLINE = "1c1c24"  # a dark outline makes a pictogram stand out from any background
OUTLINE_WIDTH = 0.02  # width of the outline outside the shapes, as a share of the unit square
SUPERSAMPLING = 4  # pictograms are rendered larger by this factor and averaged for smooth edges


def render_pictogram(
    name: str, side: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Render a pictogram with random pose and colours, cropped to its painted part.

    Args:
        name: a key of `PICTOGRAMS`.
        side: side of the unit square in pixels, roughly the longer side of the result.
        rng: the random generator for mirroring, tilt, stretch, brightness and tint.

    Returns:
        Colours (H, W, 3) float32, BGR 0-255, multiplied by opacity; and opacity (H, W) float32 in
        0-1, which is at least 0.5 in some pixel of every border row and column.
    """
    mirror = rng.choice((-1, 1))
    tilt = math.radians(rng.uniform(-8, 8))
    stretch = rng.uniform(0.88, 1.14)  # ratio of height to width
    tint = rng.uniform(0.85, 1.12) * rng.uniform(0.93, 1.07, 3)

    # The map from the unit square to a canvas with a margin for tilt and outline.
    zoom = side * SUPERSAMPLING
    width, height = zoom * min(1, 1 / stretch), zoom * min(1, stretch)
    turn = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    matrix = turn @ np.diag((mirror * width, height))
    canvas_side = SUPERSAMPLING * math.ceil(1.3 * side)
    outline = max(2 * OUTLINE_WIDTH * zoom, 1.5 * SUPERSAMPLING)

    colours = np.zeros((canvas_side, canvas_side, 3), np.uint8)
    opacity = np.zeros((canvas_side, canvas_side), np.uint8)
    shapes = PICTOGRAMS[name]
    corners = [
        np.rint((np.array(s.points) - 0.5) @ matrix.T + canvas_side / 2).astype(np.int32)
        for s in shapes
    ]
    for shape, points in zip(shapes, corners, strict=True):
        _paint(colours, shape, points, _bgr(OUTLINE), shape.width * zoom + outline)
        _paint(opacity, shape, points, (255,), shape.width * zoom + outline)
    for shape, points in zip(shapes, corners, strict=True):
        ink = np.clip(np.multiply(_bgr(shape.colour), tint), 0, 255).tolist()
        _paint(colours, shape, points, ink, shape.width * zoom)

    small = (canvas_side // SUPERSAMPLING,) * 2
    alpha = cv2.resize(opacity, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    paint = cv2.resize(colours, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    rows, columns = (np.flatnonzero((alpha >= 0.5).any(axis)) for axis in (1, 0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return paint[cut], alpha[cut]


def _paint(
    canvas: np.ndarray, shape: Shape, points: np.ndarray, ink: Sequence[float], width: float
) -> None:
    """Fill the shape if it is a polygon, and add a line of `width` pixels unless that is 0."""
    if not shape.width:
        cv2.fillPoly(canvas, [points], ink)
    if width:
        cv2.polylines(canvas, [points], shape.closed, ink, max(1, round(width)))


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour)
    return blue, green, red
