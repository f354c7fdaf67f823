"""Plug-in attention: one paper per file, torch only.

Every module is built as `Module(channels, *, options)` and maps (N, C, H, W) to (N, C, H, W). Its
initial weights are those of its paper; after `start_as_identity()` its output equals its input
until it is trained. `insert` puts them into any network.
"""

from yolox_ela.attention.ca import CA, CAGroupNorm
from yolox_ela.attention.cbam import CBAM
from yolox_ela.attention.eca import ECA
from yolox_ela.attention.ela import ELA, ela_b, ela_l, ela_s, ela_t
from yolox_ela.attention.insertion import insert as insert
from yolox_ela.attention.sa import SA
from yolox_ela.attention.se import SE
from yolox_ela.attention.site_maps import Before as Before

__all__ = [  # the modules, which `attention=NAME` finds
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
