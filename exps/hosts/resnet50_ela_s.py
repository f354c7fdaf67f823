"""ResNet-50 + ELA-S on folders of photographs (arXiv 2403.01123, 4.1, Table 5: 76.59 top-1).

yolox-ela train -f resnet50_ela_s --data FOLDER

For the recipe, see resnet18_ela_s.
"""

from yolox_ela.attention import ela_s
from yolox_ela.hosts.classifiers import resnet50
from yolox_ela.tasks.classification import Classification

exp = Classification(network=resnet50, attention=ela_s, lr=0.1, momentum=0.99)
