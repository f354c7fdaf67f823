"""YOLOX-Nano + CA (r=24) on VOC2007 (arXiv 2403.01123, Table 3).

python tools/train.py -f exps/nano_ca_r24.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import CA
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with CA (r=24) at every site."""

    name: str = "nano_ca_r24"

    def attention(self, channels: int) -> nn.Module:
        """Coordinate attention with hidden width C // 24, as the paper's tables count it."""
        return CA(channels, reduction=24)
