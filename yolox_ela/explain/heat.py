"""A class activation map on its photograph."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Heat:
    """A map of the network's input, which knows where the photograph lies in it.

    Attributes:
        cells: (h, w) float32, 0 or more, over the whole input, grey padding included.
        input_size: height and width of the network's input in pixels.
        covered: height and width in pixels of what the photograph covers of it, from the top left.
        photograph: height and width of the photograph in pixels.
    """

    cells: np.ndarray
    input_size: tuple[int, int]
    covered: tuple[int, int]
    photograph: tuple[int, int]

    def pixels(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """The map on the photograph, resized bilinearly, without the padding.

        Args:
            size: height and width of the result; by default those of the photograph.

        Returns:
            (H, W) float32, 0 or more.
        """
        height, width = self.input_size
        whole = cv2.resize(self.cells, (width, height), interpolation=cv2.INTER_LINEAR)
        height, width = size or self.photograph
        covered = whole[: self.covered[0], : self.covered[1]]
        return cv2.resize(covered, (width, height), interpolation=cv2.INTER_LINEAR)

    def share_inside(self, box: np.ndarray) -> float:
        """The share of the map's sum on the photograph that lies inside a box, in 0-1.

        This is the energy-based pointing game of Score-CAM (arXiv 1910.01279, section 4.3).

        Args:
            box: (4,) x1, y1, x2, y2 in pixels of the photograph.

        Returns:
            NaN if the map is 0 everywhere.
        """
        # On the input's pixels: as exact, and a photograph may have a hundred times as many.
        pixels = self.pixels(self.covered)
        rows, columns = (
            _cover(low * n / size, high * n / size, n)
            for low, high, n, size in zip(
                (box[1], box[0]), (box[3], box[2]), self.covered, self.photograph, strict=True
            )
        )
        total = float(pixels.sum(dtype=np.float64))
        return float(rows @ pixels @ columns) / total if total > 0 else float("nan")


def area_share(box: np.ndarray, photograph: tuple[int, int]) -> float:
    """The share of a photograph's area (height and width in pixels) that a box covers, in 0-1."""
    height, width = photograph
    return float((box[2] - box[0]) * (box[3] - box[1])) / (height * width)


def _cover(low: float, high: float, count: int) -> np.ndarray:
    """(count,) float64: the share of each pixel of a line that the stretch from low to high has."""
    edges = np.arange(count)
    return np.clip(np.minimum(edges + 1, high) - np.maximum(edges, low), 0, 1)
