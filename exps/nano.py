"""YOLOX-Nano on VOC2007, the baseline (arXiv 2403.01123, Tables 3 and 7: 73.26 mAP).

python tools/train.py -f exps/nano.py

Measured on 1,500 images of VOC2007's test set at 320 px, 2 CPU cores: 70.09 AP50 07 without
training (zero-shot); 72.64 with --recipe tuned, after 39 minutes (VOC2007-dev, exps/history.csv).
"""

from yolox_ela.experiment import Experiment

exp = Experiment()
