"""YOLOX-Nano + ELA-S on VOC2007 (arXiv 2403.01123, section 3.3, Table 7: 74.36 mAP).

python tools/train.py -f exps/nano_ela_s.py

Measured at 320 px on 1,500 images of VOC2007's test set (exps/results.csv): 73.00 AP50 07 after
--recipe tuned on trainval, 8 epochs, 17 to 19 images/s on a CPU core.
"""

from yolox_ela.attention import ela_s
from yolox_ela.experiment import Experiment

exp = Experiment(attention=ela_s)
