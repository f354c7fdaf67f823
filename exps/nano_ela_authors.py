"""The network that the authors of arXiv 2403.01123 released as ELA, for their weights.

python tools/train.py -f exps/nano_ela_authors.py
python tools/eval.py -f exps/nano_ela_authors.py -c ela_authors_voc.pth nms_iou 0.5
"""

from dataclasses import dataclass

from torch import nn

from yolox_ela.attention import ela_t
from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe with one ELA-T a width."""

    name: str = "nano_ela_authors"
    share_sites: bool = True

    def attention(self, channels: int) -> nn.Module:
        """ELA-T, which the released weights fit by shape and by score."""
        return ela_t(channels)
