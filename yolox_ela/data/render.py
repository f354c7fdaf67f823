"""The pixels of a training sample, from its plan."""

from collections.abc import Sequence

import cv2
import numpy as np

from yolox_ela.data.augment import SamplePlan, letterbox_scale, resized

PAD_VALUE = 114  # YOLOX's grey


def render(plan: SamplePlan, images: Sequence[np.ndarray]) -> np.ndarray:
    """Draw a sample.

    Args:
        plan: from `augment.plan_sample`.
        images: for each tile the original (H, W, 3) uint8 BGR image.

    Returns:
        (output, output, 3) uint8 BGR.
    """
    width, height = plan.canvas
    canvas: np.ndarray = np.full((height, width, 3), PAD_VALUE, dtype=np.uint8)
    for tile, image in zip(plan.tiles, images, strict=True):
        part = cv2.resize(image, tile.size, interpolation=cv2.INTER_LINEAR)
        x1, y1, x2, y2 = tile.window
        x, y = tile.offset
        canvas[y1:y2, x1:x2] = part[y1 - y : y2 - y, x1 - x : x2 - x]
    if plan.matrix is None:
        # YOLOX jitters the image, not the padding.
        x1, y1, x2, y2 = plan.tiles[0].window
        canvas[y1:y2, x1:x2] = shift_hsv(canvas[y1:y2, x1:x2], plan.hsv)
    else:
        canvas = cv2.warpAffine(
            canvas, plan.matrix, (plan.output, plan.output), borderValue=(PAD_VALUE,) * 3
        )
        canvas = shift_hsv(canvas, plan.hsv)
    if plan.mirror:
        canvas[:, : plan.mirror] = cv2.flip(canvas[:, : plan.mirror], 1)
    return canvas


def shift_hsv(image: np.ndarray, shifts: tuple[int, int, int]) -> np.ndarray:
    """Add shifts to hue (wrapping at 180), saturation and value (clipped), by lookup table."""
    if not any(shifts):
        return image
    levels = np.arange(256)
    tables = (
        (levels + shifts[0]) % 180,
        np.clip(levels + shifts[1], 0, 255),
        np.clip(levels + shifts[2], 0, 255),
    )
    table = np.stack(tables, axis=-1).astype(np.uint8)[None]
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    return cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2BGR)


def resize_to_fit(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """An image resized, up or down, so that its longer side is `side` pixels.

    Returns:
        (H, W, 3) uint8, and the scale by which boxes are divided to get back.
    """
    size = (image.shape[1], image.shape[0])
    scale = letterbox_scale(size, side)
    return cv2.resize(image, resized(size, scale), interpolation=cv2.INTER_LINEAR), scale


def pad(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, 3) -> (height, width, 3) with the image at the top left of grey."""
    canvas = np.full((height, width, 3), PAD_VALUE, dtype=np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas


def letterbox(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """An image at the top left of a grey square, as evaluation and prediction see it.

    Returns:
        (side, side, 3) uint8, and the scale by which boxes are divided to get back.
    """
    fitted, scale = resize_to_fit(image, side)
    return pad(fitted, side, side), scale
