"""YOLOX-Nano + CA (r = 24) on VOC2007 (arXiv 2403.01123, Table 3: 71.57 mAP).

python tools/train.py -f exps/nano_ca_r24.py
"""

from functools import partial

from yolox_ela.attention import CA
from yolox_ela.experiment import Experiment

exp = Experiment(attention=partial(CA, reduction=24))
