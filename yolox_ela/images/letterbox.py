"""Resizing a picture to the network's input, with grey padding."""

import cv2
import numpy as np

from yolox_ela.input_size import ImageSize, InputSize


def letterbox_scale(size: tuple[int, int] | np.ndarray, image_size: ImageSize) -> float:
    """Factor that makes an image of (width, height) just fit into the network's input."""
    height, width = InputSize.of(image_size)
    return min(width / float(size[0]), height / float(size[1]))


def resized(size: tuple[int, int] | np.ndarray, scale: float) -> tuple[int, int]:
    """Width and height after scaling, rounded down as YOLOX does, at least 1."""
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


PAD_VALUE = 114  # grey level of the padding, as in YOLOX


def resize_to_fit(image: np.ndarray, image_size: ImageSize) -> tuple[np.ndarray, float]:
    """An image resized, up or down, so that it just fits into the network's input.

    Returns:
        (H, W, 3) uint8, and the scale: boxes divided by it are in pixels of the original image.
    """
    size = (image.shape[1], image.shape[0])
    scale = letterbox_scale(size, image_size)
    return cv2.resize(image, resized(size, scale), interpolation=cv2.INTER_LINEAR), scale


def pad(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pad an image (H, W, 3) with grey at the right and bottom to (height, width, 3)."""
    canvas = np.full((height, width, 3), PAD_VALUE, dtype=np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas


def letterbox(image: np.ndarray, image_size: ImageSize) -> tuple[np.ndarray, float]:
    """Resize an image to the network's input for evaluation and prediction, padded with grey.

    Returns:
        (H, W, 3) uint8 of the input's size, and the scale; see `resize_to_fit`.
    """
    fitted, scale = resize_to_fit(image, image_size)
    return pad(fitted, *InputSize.of(image_size)), scale
