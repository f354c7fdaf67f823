"""Resizing a picture to a square network input, with grey padding."""

import cv2
import numpy as np


def letterbox_scale(size: tuple[int, int] | np.ndarray, side: int) -> float:
    """Factor that makes an image of (width, height) just fit into a square of `side`."""
    return min(side / float(size[0]), side / float(size[1]))


def resized(size: tuple[int, int] | np.ndarray, scale: float) -> tuple[int, int]:
    """Width and height after scaling, rounded down as YOLOX does, at least 1."""
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


PAD_VALUE = 114  # grey level of the padding, as in YOLOX


def resize_to_fit(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """An image resized, up or down, so that its longer side is `side` pixels.

    Returns:
        (H, W, 3) uint8, and the scale: boxes divided by it are in pixels of the original image.
    """
    size = (image.shape[1], image.shape[0])
    scale = letterbox_scale(size, side)
    return cv2.resize(image, resized(size, scale), interpolation=cv2.INTER_LINEAR), scale


def pad(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pad an image (H, W, 3) with grey at the right and bottom to (height, width, 3)."""
    canvas = np.full((height, width, 3), PAD_VALUE, dtype=np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas


def letterbox(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Resize an image to the network's input for evaluation and prediction, padded with grey.

    Returns:
        (side, side, 3) uint8, and the scale; see `resize_to_fit`.
    """
    fitted, scale = resize_to_fit(image, side)
    return pad(fitted, side, side), scale
