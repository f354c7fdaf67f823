"""Plug-in attention: one paper per file, torch only.

Every module is `Module(channels, *, options)` and maps (N, C, H, W) to (N, C, H, W).
"""

from yolox_ela.attention.ela import ELA, ela_b, ela_l, ela_s, ela_t

__all__ = ["ELA", "ela_b", "ela_l", "ela_s", "ela_t"]
