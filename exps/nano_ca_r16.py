"""YOLOX-Nano + CA (r=16) on VOC2007 (arXiv 2403.01123, Table 3).

python tools/train.py -f exps/nano_ca_r16.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import CA
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with CA (r=16) at every site."""

    name: str = "nano_ca_r16"

    def attention(self, channels: int) -> nn.Module:
        """Coordinate attention with hidden width C // 16, as the paper's tables count it."""
        return CA(channels, reduction=16)
