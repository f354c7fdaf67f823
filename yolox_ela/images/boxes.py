"""Pictures with boxes, class names and scores."""

import colorsys

import numpy as np
import torch
from matplotlib import font_manager
from torchvision.utils import draw_bounding_boxes

from yolox_ela.evaluate.detections import ImageDetections


def draw_detections(image: np.ndarray, detections: ImageDetections) -> np.ndarray:
    """A copy of an (H, W, 3) uint8 BGR image with its detections drawn on it."""
    if len(detections) == 0:
        return image.copy()
    side = min(image.shape[:2])
    colors = [class_color(int(label)) for label in detections.labels]
    # Weakest first, so that the strongest end on top.
    order = np.argsort(detections.scores, kind="stable")
    drawn = draw_bounding_boxes(
        torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1])).permute(2, 0, 1),
        torch.from_numpy(detections.boxes[order]),
        labels=[f"{detections.names[i]} {detections.scores[i]:.2f}" for i in order],
        colors=[colors[i] for i in order],
        width=max(2, side // 200),
        font=font_manager.findfont("DejaVu Sans"),  # ships with matplotlib
        font_size=max(11, side // 32),
        label_colors=["white" if _luminance(colors[i]) < 140 else "black" for i in order],
        label_background_colors=[colors[i] for i in order],
        fill_labels=True,
    )
    return np.ascontiguousarray(drawn.permute(1, 2, 0).numpy()[:, :, ::-1])


def class_color(label: int) -> tuple[int, int, int]:
    """An RGB colour for a class: hues a golden angle apart, in two brightnesses."""
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1, 0.85, 0.95 if label % 2 else 0.7)
    return int(255 * red), int(255 * green), int(255 * blue)


def _luminance(color: tuple[int, int, int]) -> float:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
