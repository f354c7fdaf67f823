"""The pixels of a training sample, from its plan."""

from collections.abc import Sequence

import cv2
import numpy as np

from yolox_ela.augment.plan import SamplePlan
from yolox_ela.images.letterbox import PAD_VALUE
from yolox_ela.input_size import InputSize


class Renderer:
    """Renders samples of one size: the same pixels as YOLOX, faster.

    It reuses its buffers for each sample, so it must not be shared between threads.

    Args:
        size: size of the samples.
    """

    def __init__(self, size: InputSize) -> None:
        self._canvas = np.empty((2 * size.height, 2 * size.width, 4), dtype=np.uint8)
        self._warped = np.empty((*size, 4), dtype=np.uint8)
        self._colors = Colors(size.height * size.width)

    def render(self, plan: SamplePlan, images: Sequence[np.ndarray], out: np.ndarray) -> None:
        """Render a sample.

        Args:
            plan: the sample's plan from `plan.plan_sample`, for this size.
            images: for each tile its image, (H, W, 3) uint8 BGR, resized to `tile.size`.
            out: (H, W, 3) uint8 BGR of this size, into which the sample is written.
        """
        if plan.matrix is None:
            # YOLOX shifts the colours of the image, not of the padding.
            (image,) = images
            height, width = image.shape[:2]
            window = out[:height, :width]
            self._colors.shift(image, plan.hsv, window)
            # Flipped after the shift, because OpenCV rounds colours differently at the right edge.
            if plan.mirror:
                window[:] = cv2.flip(window, 1)
            out[height:] = PAD_VALUE
            out[:height, width:] = PAD_VALUE
        else:
            warped = self._warp(plan, plan.matrix, images)
            if plan.mirror:
                cv2.flip(warped, 1, dst=warped)
            self._colors.shift(warped, plan.hsv, out)

    def _warp(
        self, plan: SamplePlan, matrix: np.ndarray, images: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The tiles on their canvas, warped: (H, W, 4), BGR and an unused channel.

        With four channels OpenCV warps the same pixels in half the time, and the fourth is added
        while tiles are copied to the canvas. Only the part that the output shows is filled.
        """
        canvas = self._canvas
        left, top, right, bottom = _visible(plan, matrix)
        canvas[top:bottom, left:right] = PAD_VALUE
        for tile, image in zip(plan.tiles, images, strict=True):
            x1, y1, x2, y2 = tile.window
            x1, y1, x2, y2 = max(x1, left), max(y1, top), min(x2, right), min(y2, bottom)
            if x1 < x2 and y1 < y2:
                x, y = tile.offset
                part = image[y1 - y : y2 - y, x1 - x : x2 - x]
                cv2.cvtColor(part, cv2.COLOR_BGR2BGRA, dst=canvas[y1:y2, x1:x2])
        grey = (PAD_VALUE,) * 4
        size = (plan.output.width, plan.output.height)
        return cv2.warpAffine(canvas, matrix, size, dst=self._warped, borderValue=grey)


def render(plan: SamplePlan, images: Sequence[np.ndarray]) -> np.ndarray:
    """One sample, (H, W, 3) uint8 BGR of the plan's size; see `Renderer.render`."""
    sample = np.empty((*plan.output, 3), dtype=np.uint8)
    Renderer(plan.output).render(plan, images, sample)
    return sample


def _visible(plan: SamplePlan, matrix: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of the canvas that the output needs, with a margin."""
    last_x, last_y = plan.output.width - 1, plan.output.height - 1
    corners = np.array([[0, 0, 1], [last_x, 0, 1], [0, last_y, 1], [last_x, last_y, 1]])
    seen = corners @ cv2.invertAffineTransform(matrix).T
    left, top = np.clip(np.floor(seen.min(axis=0)) - 2, 0, plan.canvas).astype(int).tolist()
    right, bottom = np.clip(np.ceil(seen.max(axis=0)) + 3, 0, plan.canvas).astype(int).tolist()
    return left, top, right, bottom


class Colors:
    """Shifts hue, saturation and value of images, in reusable buffers.

    Args:
        pixels: the number of pixels of the largest image.
    """

    def __init__(self, pixels: int) -> None:
        self._hsv = np.empty((pixels, 3), dtype=np.uint8)
        self._planes = np.empty((3, pixels), dtype=np.uint8)

    def shift(self, image: np.ndarray, shifts: tuple[int, int, int], out: np.ndarray) -> None:
        """Add shifts to hue (wrapping at 180), saturation and value (clipped).

        Args:
            image: (H, W, 3) uint8 BGR; a fourth channel is ignored.
            shifts: shifts of hue, saturation and value, each between -179 and 179.
            out: (H, W, 3) uint8 BGR, into which the result is written.
        """
        if not any(shifts):
            if image.shape[2] == 4:  # copying by numpy would take longer than the warp
                cv2.cvtColor(image, cv2.COLOR_BGRA2BGR, dst=out)
            else:
                out[:] = image
            return
        height, width = image.shape[:2]
        hsv = self._hsv[: height * width].reshape(height, width, 3)
        planes = [plane[: height * width].reshape(height, width) for plane in self._planes]
        cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV, dst=hsv), planes)
        if shifts[0]:
            table = ((np.arange(256) + shifts[0]) % 180).astype(np.uint8)
            cv2.LUT(planes[0], table, dst=planes[0])
        for plane, shift in zip(planes[1:], shifts[1:], strict=True):
            if shift:  # `add` clips, and is faster than a table; its type hints forbid numbers
                cv2.add(plane, shift, dst=plane)  # type: ignore[call-overload]
        cv2.cvtColor(cv2.merge(planes, dst=hsv), cv2.COLOR_HSV2BGR, dst=out)
