"""YOLOX-Nano + CA_gn (r=16) on VOC2007 (arXiv 2403.01123, Table 3).

python tools/train.py -f exps/nano_ca_gn_r16.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import CAGroupNorm
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with CA_gn (r=16) at every site."""

    name: str = "nano_ca_gn_r16"

    def attention(self, channels: int) -> nn.Module:
        """Coordinate attention with GroupNorm, hidden width max(8, C // 16)."""
        return CAGroupNorm(channels, reduction=16, min_width=8)
