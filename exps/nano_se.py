"""YOLOX-Nano + SE on VOC2007 (arXiv 2403.01123, Table 7).

python tools/train.py -f exps/nano_se.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import SE
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with SE at every site."""

    name: str = "nano_se"

    def attention(self, channels: int) -> nn.Module:
        """SE with reduction 16, as the paper's tables count it."""
        return SE(channels, reduction=16)
