"""YOLOX-Nano + SE on VOC2007 (arXiv 2403.01123, Table 7: 73.58 mAP).

python tools/train.py -f exps/nano_se.py
"""

from functools import partial

from yolox_ela.attention import SE
from yolox_ela.experiment import Experiment

exp = Experiment(attention=partial(SE, reduction=16))
