"""A window that shows results while they come."""

import os
import sys

import cv2
import numpy as np

from yolox_ela.errors import UserError

TITLE = "yolox_ela: q or Esc ends"
END_KEYS = (ord("q"), 27)
TICK = 1  # milliseconds that a frame of a video waits for a key


class Window:
    """OpenCV's window.

    Raises:
        UserError: there is no screen, or this OpenCV has no windows.
    """

    def __init__(self) -> None:
        is_linux = sys.platform.startswith("linux")
        if is_linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UserError("--show needs a screen, and there is none: look at the saved pictures")
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
        except cv2.error as error:
            raise UserError(
                "--show: this OpenCV has no windows (opencv-python-headless): install "
                "opencv-python instead, or look at the saved pictures"
            ) from error

    def show(self, picture: np.ndarray, *, wait: bool) -> bool:
        """Show an (H, W, 3) uint8 BGR picture; False if the user wants to end.

        Args:
            picture: the picture.
            wait: whether to wait for a key, as for a single picture.
        """
        cv2.imshow(TITLE, picture)
        return (cv2.waitKey(0 if wait else TICK) & 0xFF) not in END_KEYS

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()
