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
        corners = np.array(list(_beside(box, size, bounds, below=first_below)))
        covered = _covered(corners, size, placed)
        if np.all(covered > 0):
            elsewhere, covered_there = _elsewhere(box, size, bounds, placed)
            corners = np.concatenate([corners, elsewhere])
            covered = np.concatenate([covered, covered_there])
        corner = corners[np.argmin(covered)]  # the first of the least
        placed = np.concatenate([placed, [[*corner, *(corner + size)]]])
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


def _elsewhere(
    box: np.ndarray, size: np.ndarray, bounds: Bounds, placed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places all over the bounds and next to other captions, nearest to the box first.

    Returns:
        (M, 2) upper left corners, and (M,) the area that a caption there shares with the others.
    """
    x, y = (
        _steps(box[axis], size[axis], (bounds[axis], bounds[axis + 2]), placed[:, axis::2])
        for axis in (0, 1)
    )
    # A shared area is a shared width times a shared height, so a product of matrices adds them up.
    columns = _shared(x, size[0], placed[:, 0::2])
    covered = _shared(y, size[1], placed[:, 1::2]) @ columns.T
    corners = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    order = np.argsort(_distance(corners, size, box), kind="stable")
    return corners[order], _without_rounding(covered.ravel()[order])


def _steps(
    start: float, length: float, limits: tuple[float, float], placed: np.ndarray
) -> np.ndarray:
    """Where a caption may begin along one axis, sorted and within the limits but for rounding."""
    first, last = limits
    values = (
        np.arange(first, last - length, max(length / 2, 1e-9)),
        np.array([last - length, start]),
        placed[:, 1],
        placed[:, 0] - length,
        placed[:, 0],
    )
    steps = np.unique(np.concatenate(values))
    slack = 1e-6 * (1 + abs(last))
    return steps[(steps >= first - slack) & (steps + length <= last + slack)]


def _distance(corners: np.ndarray, size: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How far captions at these corners are from the box; first those at its upper left."""
    gap = np.maximum(np.maximum(box[:2] - (corners + size), corners - box[2:]), 0)
    return np.hypot(*gap.T) + 0.01 * np.abs(corners - box[:2]).sum(axis=1)


def _covered(corners: np.ndarray, size: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """(M,) area that a caption at each of these corners shares with those placed already."""
    width, height = (_shared(corners[:, i], size[i], placed[:, i::2]) for i in (0, 1))
    return _without_rounding((width * height).sum(axis=1))


def _shared(starts: np.ndarray, length: float, placed: np.ndarray) -> np.ndarray:
    """(M, N) length along one axis that captions at M starts share with each of N placed ones."""
    low = np.maximum(starts[:, None], placed[None, :, 0])
    high = np.minimum(starts[:, None] + length, placed[None, :, 1])
    return np.clip(high - low, 0, None)


def _without_rounding(areas: np.ndarray) -> np.ndarray:
    return np.where(areas < 1e-9, 0, areas)
