"""Bounding boxes with captions on a picture."""

import colorsys
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import font_manager
from torchvision.utils import draw_bounding_boxes


def draw_boxes(
    image: np.ndarray, boxes: np.ndarray, labels: Sequence[int], captions: Sequence[str]
) -> np.ndarray:
    """A copy of a picture with captioned bounding boxes, each in the colour of its class.

    Args:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) float32 x1, y1, x2, y2 in pixels; later ones cover earlier ones.
        labels: N class indices.
        captions: N texts.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    if len(boxes) == 0:
        return image.copy()
    side = min(image.shape[:2])
    colors = [class_color(int(label)) for label in labels]
    drawn = draw_bounding_boxes(
        torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1])).permute(2, 0, 1),
        torch.from_numpy(boxes),
        labels=list(captions),
        colors=colors,
        width=max(2, side // 200),
        font=font_manager.findfont("DejaVu Sans"),  # ships with matplotlib
        font_size=max(11, side // 32),
        label_colors=["white" if _luminance(color) < 140 else "black" for color in colors],
        label_background_colors=colors,
        fill_labels=True,
    )
    return np.ascontiguousarray(drawn.permute(1, 2, 0).numpy()[:, :, ::-1])


def class_color(label: int) -> tuple[int, int, int]:
    """An RGB colour for a class: hues a golden angle apart, in two brightnesses."""
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1, 0.85, 0.95 if label % 2 else 0.7)
    return int(255 * red), int(255 * green), int(255 * blue)


def _luminance(color: tuple[int, int, int]) -> float:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
