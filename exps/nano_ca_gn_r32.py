"""YOLOX-Nano + CA_gn (r = 32) on VOC2007 (arXiv 2403.01123, Table 3: 73.96 mAP).

python tools/train.py -f exps/nano_ca_gn_r32.py

The hidden width is C // 32, as the paper's parameter counts say.
"""

from functools import partial

from yolox_ela.attention import CAGroupNorm
from yolox_ela.experiment import Experiment

exp = Experiment(attention=partial(CAGroupNorm, reduction=32))
