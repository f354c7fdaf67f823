"""YOLOX-Nano + ELA-B on VOC2007 (arXiv 2403.01123, section 3.3).

python tools/train.py -f exps/nano_ela_b.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import ela_b
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with ELA-B at every site."""

    name: str = "nano_ela_b"

    def attention(self, channels: int) -> nn.Module:
        """ELA-B."""
        return ela_b(channels)
