"""YOLOX-Nano + ELA-T on VOC2007 (arXiv 2403.01123, section 3.3).

python tools/train.py -f exps/nano_ela_t.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import ela_t
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with ELA-T at every site."""

    name: str = "nano_ela_t"

    def attention(self, channels: int) -> nn.Module:
        """ELA-T."""
        return ela_t(channels)
