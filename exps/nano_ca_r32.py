"""YOLOX-Nano + CA (r = 32) on VOC2007 (arXiv 2403.01123, Tables 3 and 7: 72.53 mAP).

python tools/train.py -f exps/nano_ca_r32.py

Table 7's CA has the size of this network and prints the 72.62 mAP of r = 16.
"""

from functools import partial

from yolox_ela.attention import CA
from yolox_ela.experiment import Experiment

exp = Experiment(attention=partial(CA, reduction=32))
