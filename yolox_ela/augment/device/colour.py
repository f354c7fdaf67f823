"""HSV jitter of a batch: OpenCV's 8-bit conversions in torch.

A batch is processed as three planes: blue, green and red. Every step is then elementwise over one
shape, so that `torch.compile` fuses all steps into one kernel.
"""

import numpy as np
import torch
from torch import Tensor

HUES = 180  # hues of the full circle in OpenCV's 8 bits
SECTOR = 30  # hues from one full colour to the next: red, yellow, green, cyan, blue, magenta
FRACTION_BITS = 12  # fraction bits of OpenCV's fixed-point quotients


def shift_hsv(planes: list[Tensor], shifts: Tensor) -> list[Tensor]:
    """Add shifts to hue (wrapping at 180), saturation and value (clipped), as `render.Colors`.

    There are two differences. Samples without a shift are converted to HSV and back here, which
    changes some pixels. And in the last columns of an image (fewer than 32, which do not fill a
    vector) OpenCV rounds, while it truncates elsewhere; here values are always truncated.

    Args:
        planes: blue, green, red; each (B, H, W) int32 in [0, 255].
        shifts: (B, 3) int32 shifts of hue, saturation and value, each between -179 and 179.

    Returns:
        Blue, green and red like `planes`.
    """
    hue, saturation, value = _bgr_to_hsv(*planes)
    hue_shift, saturation_shift, value_shift = shifts[:, :, None, None].unbind(1)
    return _hsv_to_bgr(
        (hue + hue_shift) % HUES,
        (saturation + saturation_shift).clamp(0, 255),
        (value + value_shift).clamp(0, 255),
    )


def shift_batch(images: Tensor, shifts: Tensor, windows: Tensor) -> Tensor:
    """Shift the colours of samples that were rendered without, as `render.Renderer` does it.

    Args:
        images: (B, 3, H, W) uint8 BGR.
        shifts: (B, 3) int32; see `shift_hsv`.
        windows: (B, 2) int32 width and height of the part at the upper left that is shifted.

    Returns:
        (B, 3, H, W) uint8 BGR in channels_last memory.
    """
    across = torch.arange(images.shape[3], device=images.device) < windows[:, :1]
    down = torch.arange(images.shape[2], device=images.device) < windows[:, 1:]
    inside = down[:, :, None] & across[:, None] & shifts.any(dim=1)[:, None, None]
    return shift_inside(list(images.int().unbind(1)), shifts, inside)


def shift_inside(planes: list[Tensor], shifts: Tensor, inside: Tensor) -> Tensor:
    """Shift colours where a mask is true, and join the planes.

    Args:
        planes: see `shift_hsv`.
        shifts: see `shift_hsv`.
        inside: (B, H, W) bool.

    Returns:
        (B, 3, H, W) uint8 BGR in channels_last memory.
    """
    shifted = [
        torch.where(inside, after, before).to(torch.uint8)
        for before, after in zip(planes, shift_hsv(planes, shifts), strict=True)
    ]
    return torch.stack(shifted, dim=-1).permute(0, 3, 1, 2)


def _bgr_to_hsv(blue: Tensor, green: Tensor, red: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue in [0, 180), saturation and value in [0, 255], as integers.

    The result equals that of cv2.COLOR_BGR2HSV for every colour.
    """
    value = torch.maximum(torch.maximum(blue, green), red)
    chroma = value - torch.minimum(torch.minimum(blue, green), red)
    saturation = _scaled(chroma, 255, value)
    # The angle from pure red in units of chroma; two units are a third of the circle.
    turn = torch.where(
        value == red,
        green - blue,
        torch.where(value == green, blue - red + 2 * chroma, red - green + 4 * chroma),
    )
    hue = _scaled(turn, SECTOR, chroma)
    return torch.where(hue < 0, hue + HUES, hue), saturation, value


def _scaled(factor: Tensor, numerator: int, denominator: Tensor) -> Tensor:
    """factor * numerator / denominator, with the quotient rounded first and then the product.

    Where the denominator is 0, the factor must be 0; the result is then 0.
    """
    doubled = (2 * numerator << FRACTION_BITS) + denominator
    quotient = doubled // (2 * denominator).clamp(min=1)
    return (factor * quotient + (1 << FRACTION_BITS - 1)) >> FRACTION_BITS


def _hsv_to_bgr(hue: Tensor, saturation: Tensor, value: Tensor) -> list[Tensor]:
    """Blue, green and red in [0, 255] of hue in [0, 180), saturation and value in [0, 255].

    The result equals that of cv2.COLOR_HSV2BGR for every colour. OpenCV computes in float32 and
    truncates; float64 replaces its fused multiply-add, which rounds once.
    """
    saturation = (saturation * (1 / 255)).double()
    value = value * (1 / 255)
    return [
        (value * (1 - saturation * taken[hue]).float() * 255).int()
        for taken in _taken_by_hue(hue.device)
    ]


def _taken_by_hue(device: torch.device) -> list[Tensor]:
    """The share of the saturation that is subtracted from blue, green and red for each hue.

    With growing hue, red is full for a sector, falls during one, is absent for two, rises during
    one, and is full for the last. Green follows two sectors later, and blue another two later.

    Returns:
        For blue, green and red, a (180,) float32 tensor of values in [0, 1].
    """
    hue = torch.arange(HUES, dtype=torch.int32, device=device)
    sector = hue // SECTOR
    # The product is rounded to float32 before the difference, also if a compiler fuses the two.
    fraction = (hue.double() * float(np.float32(1 / SECTOR))).float() - sector
    taken = []
    for sectors_before_red in (2, 4, 0):
        turned = (sector + sectors_before_red) % 6
        falling = torch.where(turned == 1, fraction, 1.0)
        rising = torch.where(turned == 4, 1 - fraction, falling)
        taken.append(torch.where((turned == 0) | (turned == 5), 0.0, rising))
    return taken
