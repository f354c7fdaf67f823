"""YOLOX-Nano + CA (r=32) on VOC2007 (arXiv 2403.01123, Tables 3 and 7).

python tools/train.py -f exps/nano_ca_r32.py
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import CA
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with CA (r=32) at every site.

    Table 7's "CA" prints the size of this network beside the mAP of r=16.
    """

    name: str = "nano_ca_r32"

    def attention(self, channels: int) -> nn.Module:
        """Coordinate attention with hidden width C // 32, as the paper's tables count it."""
        return CA(channels, reduction=32)
