"""How exactly the installed OpenCV warps pictures."""

import cv2
import numpy as np


def warps_exactly() -> bool:
    """Whether it computes with places as they are; older versions round them to 1/32 of a pixel."""
    stripes = np.tile(np.uint8([0, 192] * 8), (8, 1))
    shift = np.float64([[1, 0, 1 / 64], [0, 1, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return bool(cv2.warpAffine(stripes, shift, (16, 8), flags=flags)[4, 4] == 192 // 64)


EXACT = warps_exactly()
MOST_LEVELS = 1 if EXACT else 16  # by which a warp may differ from one of torch
