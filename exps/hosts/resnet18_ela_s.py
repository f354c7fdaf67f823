"""ResNet-18 + ELA-S on folders of photographs (arXiv 2403.01123, 4.1, Table 4: 70.79 top-1).

yolox-ela train -f resnet18_ela_s --data FOLDER

The recipe is that of the paper's ResNets: 90 epochs, the rate divided by 10 every 30 of them. The
paper states a momentum of 0.99, and 0.1 or 0.05 as the first rate, without saying which for what.
"""

from yolox_ela.attention import ela_s
from yolox_ela.hosts.classifiers import resnet18
from yolox_ela.tasks.classification import Classification

exp = Classification(network=resnet18, attention=ela_s, lr=0.1, momentum=0.99)
