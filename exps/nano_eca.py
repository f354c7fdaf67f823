"""YOLOX-Nano + ECA on VOC2007 (arXiv 2403.01123, Table 7).

python tools/train.py -f exps/nano_eca.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import ECA
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with ECA at every site."""

    name: str = "nano_eca"

    def attention(self, channels: int) -> nn.Module:
        """ECA with the kernel that ECA-Net derives from the channels (3, 5 and 5)."""
        return ECA(channels)
