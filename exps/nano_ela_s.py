"""YOLOX-Nano + ELA-S on VOC2007 (arXiv 2403.01123, section 3.3, Table 7).

python tools/train.py -f exps/nano_ela_s.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import ela_s
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with ELA-S at every site."""

    name: str = "nano_ela_s"

    def attention(self, channels: int) -> nn.Module:
        """ELA-S."""
        return ela_s(channels)
