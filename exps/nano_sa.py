"""YOLOX-Nano + SA on VOC2007 (arXiv 2403.01123, Table 7: 73.35 mAP).

python tools/train.py -f exps/nano_sa.py

G = 8 gives the parameter count that the paper prints.
"""

from functools import partial

from yolox_ela.attention import SA
from yolox_ela.experiment import Experiment

exp = Experiment(attention=partial(SA, groups=8))
