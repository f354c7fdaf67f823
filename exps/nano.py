"""YOLOX-Nano on VOC2007, the baseline (arXiv 2403.01123, Tables 3 and 7: 73.26 mAP).

python tools/train.py -f exps/nano.py

Measured at 320 px on 1,500 images of VOC2007's test set (exps/results.csv): 70.09 AP50 07 without
training (zero-shot); 72.67 after --recipe tuned on trainval, 8 epochs, 17 to 19 images/s on a CPU
core.
"""

from yolox_ela.experiment import Experiment

exp = Experiment()
