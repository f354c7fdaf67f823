"""The network that the authors of arXiv 2403.01123 released as ELA, for their weights.

Its training log reaches the 74.36 mAP of Table 7's ELA-S; by section 3.3 the modules are ELA-T, one
for each width, shared by the sites of that width.

python tools/train.py -f exps/nano_ela_authors.py
python tools/eval.py -f exps/nano_ela_authors.py -c ela_authors_voc.pth nms_iou 0.5

Measured with the authors' weights on 451 images of VOC2007's test set that they did not train on,
at 640 px: 74.81 AP50 07.
"""

from yolox_ela.attention import ela_t
from yolox_ela.experiment import Experiment

exp = Experiment(attention=ela_t, share_sites=True)
