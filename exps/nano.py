"""YOLOX-Nano on VOC2007, the baseline (arXiv 2403.01123, Tables 3 and 7).

python tools/train.py -f exps/nano.py
"""

from dataclasses import dataclass

from yolox_ela.experiment import VocNano


@dataclass
class Exp(VocNano):
    """The base recipe, no attention."""

    name: str = "nano"
