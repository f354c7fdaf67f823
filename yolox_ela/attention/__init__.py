"""Plug-in attention: one paper per file, torch only.

Every module is `Module(channels, *, options)` and maps (N, C, H, W) to (N, C, H, W). It starts as
its paper says or, after `start_as_identity()`, with its input as its output.
"""

from yolox_ela.attention.ca import CA, CAGroupNorm
from yolox_ela.attention.cbam import CBAM
from yolox_ela.attention.eca import ECA
from yolox_ela.attention.ela import ELA, ela_b, ela_l, ela_s, ela_t
from yolox_ela.attention.sa import SA
from yolox_ela.attention.se import SE

__all__ = [
    "CA",
    "CBAM",
    "ECA",
    "ELA",
    "SA",
    "SE",
    "CAGroupNorm",
    "ela_b",
    "ela_l",
    "ela_s",
    "ela_t",
]
