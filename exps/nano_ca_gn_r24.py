"""YOLOX-Nano + CA_gn (r=24) on VOC2007 (arXiv 2403.01123, Table 3).

python tools/train.py -f exps/nano_ca_gn_r24.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import CAGroupNorm
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with CA_gn (r=24) at every site."""

    name: str = "nano_ca_gn_r24"

    def attention(self, channels: int) -> nn.Module:
        """Coordinate attention with GroupNorm, hidden width max(8, C // 24)."""
        return CAGroupNorm(channels, reduction=24, min_width=8)
