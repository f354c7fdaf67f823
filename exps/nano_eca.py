"""YOLOX-Nano + ECA on VOC2007 (arXiv 2403.01123, Table 7: 73.38 mAP).

python tools/train.py -f exps/nano_eca.py

The kernel follows from the channels as in ECA-Net: 3, 5 and 5 at the three widths.
"""

from yolox_ela.attention import ECA
from yolox_ela.experiment import Experiment

exp = Experiment(attention=ECA)
