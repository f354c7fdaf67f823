"""You Only Look One-level Feature (YOLOF), arXiv 2103.09460, with ResNet-50.

One subject a file: backbone -> encoder -> decoder -> boxes; then matching -> loss in training, and
detections in inference.
"""

from yolox_ela.hosts.yolof.detections import detections
from yolox_ela.hosts.yolof.model import YOLOF, yolof

__all__ = ["YOLOF", "detections", "yolof"]
