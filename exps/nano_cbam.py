"""YOLOX-Nano + CBAM on VOC2007 (arXiv 2403.01123, Table 7).

python tools/train.py -f exps/nano_cbam.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import CBAM
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with CBAM at every site."""

    name: str = "nano_cbam"

    def attention(self, channels: int) -> nn.Module:
        """CBAM with reduction 16 and a 7x7 spatial gate, as the paper's tables count it."""
        return CBAM(channels, reduction=16)
