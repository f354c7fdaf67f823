"""YOLOX-Nano + SA on VOC2007 (arXiv 2403.01123, Table 7).

python tools/train.py -f exps/nano_sa.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import SA
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with SA at every site."""

    name: str = "nano_sa"

    def attention(self, channels: int) -> nn.Module:
        """Shuffle attention with G = 8, as the paper's tables count it."""
        return SA(channels, groups=8)
