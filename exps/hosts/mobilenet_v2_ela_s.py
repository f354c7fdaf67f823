"""MobileNetV2 + ELA-S on folders of photographs (arXiv 2403.01123, 4.1, Table 5: 71.52 top-1).

yolox-ela train -f mobilenet_v2_ela_s --data FOLDER

The recipe is the paper's for MobileNetV2: 200 epochs along a cosine. The paper does not state the
dropout; 0.1 is that of its released code.
"""

from functools import partial

from yolox_ela.attention import ela_s
from yolox_ela.hosts.classifiers import mobilenet_v2
from yolox_ela.tasks.classification import Classification

exp = Classification(
    network=partial(mobilenet_v2, dropout=0.1),
    attention=ela_s,
    epochs=200,
    lr=0.025,
    schedule="cosine",
    weight_decay=4e-5,
)
