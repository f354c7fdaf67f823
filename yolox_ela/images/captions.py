"""Where captions of bounding boxes stand: inside the picture, without covering each other."""

from collections.abc import Iterator, Sequence

import numpy as np

Bounds = tuple[float, float, float, float]


def place_captions(
    boxes: np.ndarray,
    sizes: np.ndarray,
    bounds: Bounds,
    *,
    below: Sequence[bool] | None = None,
) -> np.ndarray:
    """Choose a place for each caption, one after the other.

    A caption stands above its box if it fits there, else below, else inside, else as near to the
    box as there is room. Where no room is left, it covers as little of the others as possible.

    Args:
        boxes: (N, 4) x1, y1, x2, y2, in any unit, the most important box first.
        sizes: (N, 2) width and height of each caption in this unit; smaller than the bounds.
        bounds: x1, y1, x2, y2 of the picture.
        below: captions to be put rather below their box than above.

    Returns:
        (N, 4) x1, y1, x2, y2 of each caption, all within the bounds.
    """
    placed = np.zeros((0, 4))
    for index, (box, size) in enumerate(zip(np.asarray(boxes, float), sizes, strict=True)):
        first_below = below is not None and below[index]
        preferred = np.array(list(_beside(box, size, bounds, below=first_below)))
        places = _rectangles(
            np.concatenate([preferred, _elsewhere(box, size, bounds, placed)]), size
        )
        places = places[_within(places, bounds)]
        covered = _covered(places, placed)
        placed = np.concatenate([placed, places[[np.argmin(covered)]]])  # the first of the least
    return placed


def _beside(
    box: np.ndarray, size: np.ndarray, bounds: Bounds, *, below: bool
) -> Iterator[tuple[float, float]]:
    """Upper left corners at the box, best first, moved sideways into the bounds."""
    (x1, y1, x2, y2), (width, height) = box, size
    rows = [y2, y1 - height] if below else [y1 - height, y2]
    rows = [y for y in rows if bounds[1] <= y and y + height <= bounds[3]]
    inside = [y2 - height, y1] if below else [y1, y2 - height]
    for y in [*rows, *inside]:
        for x in (x1, x2 - width):
            yield (
                float(np.clip(x, bounds[0], bounds[2] - width)),
                float(np.clip(y, bounds[1], bounds[3] - height)),
            )


def _elsewhere(box: np.ndarray, size: np.ndarray, bounds: Bounds, placed: np.ndarray) -> np.ndarray:
    """(M, 2) upper left corners all over the bounds and next to other captions, nearest first."""
    width, height = size
    left, top, right, bottom = bounds
    columns = (
        np.arange(left, right - width, max(width / 2, 1e-9)),
        np.array([right - width, box[0]]),
        placed[:, 2],
        placed[:, 0] - width,
        placed[:, 0],
    )
    rows = (
        np.arange(top, bottom - height, max(height / 2, 1e-9)),
        np.array([bottom - height, box[1]]),
        placed[:, 3],
        placed[:, 1] - height,
        placed[:, 1],
    )
    x, y = np.meshgrid(*(np.unique(np.concatenate(values)) for values in (columns, rows)))
    corners = np.stack([x.ravel(), y.ravel()], axis=1)
    return corners[np.argsort(_distance(corners, size, box), kind="stable")]


def _distance(corners: np.ndarray, size: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How far captions at these corners are from the box; first those at its upper left."""
    gap = np.maximum(np.maximum(box[:2] - (corners + size), corners - box[2:]), 0)
    return np.hypot(*gap.T) + 0.01 * np.abs(corners - box[:2]).sum(axis=1)


def _rectangles(corners: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(M, 4) rectangles of this size at upper left corners."""
    return np.concatenate([corners, corners + size], axis=1)


def _within(places: np.ndarray, bounds: Bounds) -> np.ndarray:
    """(M,) which rectangles lie within the bounds, but for rounding."""
    slack = 1e-6 * (1 + abs(bounds[2]) + abs(bounds[3]))
    low, high = np.array(bounds[:2]) - slack, np.array(bounds[2:]) + slack
    return np.all((places[:, :2] >= low) & (places[:, 2:] <= high), axis=1)


def _covered(places: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """(M,) area that each place shares with captions that are there already."""
    low = np.maximum(places[:, None, :2], placed[None, :, :2])
    high = np.minimum(places[:, None, 2:], placed[None, :, 2:])
    area = np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)
    return np.where(area < 1e-9, 0, area)
