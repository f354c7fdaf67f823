"""YOLOX-Nano + CBAM on VOC2007 (arXiv 2403.01123, Table 7: 73.80 mAP).

python tools/train.py -f exps/nano_cbam.py
"""

from functools import partial

from yolox_ela.attention import CBAM
from yolox_ela.experiment import Experiment

exp = Experiment(attention=partial(CBAM, reduction=16))
