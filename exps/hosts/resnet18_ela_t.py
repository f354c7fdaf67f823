"""ResNet-18 + ELA-T on folders of photographs (arXiv 2403.01123, 4.1, Table 4: 70.28 top-1).

yolox-ela train -f resnet18_ela_t --data FOLDER

ELA-T is that of section 3.3, with depthwise filters; the row of Table 4 that is marked T has groups
of 8 channels. For the recipe, see resnet18_ela_s.
"""

from yolox_ela.attention import ela_t
from yolox_ela.hosts.classifiers import resnet18
from yolox_ela.tasks.classification import Classification

exp = Classification(network=resnet18, attention=ela_t, lr=0.1, momentum=0.99)
