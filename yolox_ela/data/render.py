"""The pixels of a training sample, from its plan."""

from collections.abc import Sequence

import cv2
import numpy as np

from yolox_ela.data.augment import SamplePlan, letterbox_scale, resized

PAD_VALUE = 114  # YOLOX's grey


def render(plan: SamplePlan, images: Sequence[np.ndarray]) -> np.ndarray:
    """Draw a sample: YOLOX's pixels, sooner.

    Args:
        plan: from `augment.plan_sample`.
        images: for each tile the image, (H, W, 3) uint8 BGR, resized to `tile.size`.

    Returns:
        (output, output, 3) uint8 BGR.
    """
    if plan.matrix is None:
        # YOLOX jitters the image, not the padding.
        sample = pad(shift_hsv(images[0], plan.hsv), plan.output, plan.output)
    else:
        sample = shift_hsv(_warp_mosaic(plan, plan.matrix, images), plan.hsv)
    if plan.mirror:
        sample[:, : plan.mirror] = cv2.flip(sample[:, : plan.mirror], 1)
    return sample


def _warp_mosaic(plan: SamplePlan, matrix: np.ndarray, images: Sequence[np.ndarray]) -> np.ndarray:
    """The tiles on their canvas, warped: (output, output, 4) uint8 BGR and a channel to ignore.

    With four channels OpenCV warps the same pixels in less than half the time, and adding the
    fourth is no more work than putting the tile on the canvas.
    """
    width, height = plan.canvas
    canvas: np.ndarray = np.full((height, width, 4), PAD_VALUE, dtype=np.uint8)
    for tile, image in zip(plan.tiles, images, strict=True):
        x1, y1, x2, y2 = tile.window
        x, y = tile.offset
        part = image[y1 - y : y2 - y, x1 - x : x2 - x]
        cv2.cvtColor(part, cv2.COLOR_BGR2BGRA, dst=canvas[y1:y2, x1:x2])
    side = (plan.output, plan.output)
    return cv2.warpAffine(canvas, matrix, side, borderValue=(PAD_VALUE,) * 4)


def shift_hsv(image: np.ndarray, shifts: tuple[int, int, int]) -> np.ndarray:
    """Add shifts to hue (wrapping at 180), saturation and value (clipped).

    Args:
        image: (H, W, 3) uint8 BGR; a fourth channel is dropped. It is left as it is.
        shifts: each smaller than 256 in size.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    if not any(shifts):
        return image if image.shape[2] == 3 else cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
    hue, *others = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV))
    if shifts[0]:
        hue = cv2.LUT(hue, ((np.arange(256) + shifts[0]) % 180).astype(np.uint8))
    others = [
        # Clips, and faster than a table. Its type hints do not know of plain numbers.
        cv2.add(plane, shift) if shift else plane  # type: ignore[call-overload]
        for plane, shift in zip(others, shifts[1:], strict=True)
    ]
    return cv2.cvtColor(cv2.merge([hue, *others]), cv2.COLOR_HSV2BGR)


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
