"""YOLOX-Nano + CA_gn (r=32) on VOC2007 (arXiv 2403.01123, Table 3).

python tools/train.py -f exps/nano_ca_gn_r32.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import CAGroupNorm
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with CA_gn (r=32) at every site."""

    name: str = "nano_ca_gn_r32"

    def attention(self, channels: int) -> nn.Module:
        """Coordinate attention with GroupNorm, hidden width C // 32."""
        return CAGroupNorm(channels, reduction=32)
