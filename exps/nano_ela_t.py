"""YOLOX-Nano + ELA-T on VOC2007 (arXiv 2403.01123, section 3.3; no row in Tables 3 and 7).

python tools/train.py -f exps/nano_ela_t.py
"""

from yolox_ela.attention import ela_t
from yolox_ela.experiment import Experiment

exp = Experiment(attention=ela_t)
