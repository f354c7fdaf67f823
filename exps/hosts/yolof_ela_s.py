"""YOLOF-ResNet50 + ELA-S on COCO (arXiv 2403.01123, section 4.3; Table 6 has ELA-L).

yolox-ela train -f yolof_ela_s --data COCO -c RESNET50.pth

The paper states the rate, 12 epochs with a tenth of it from epochs 8 and 11 on, 1,500 steps of
warm-up, the batch, 800 x 1333 pixels and the NMS; the other settings, among them the backbone's
third of the rate, are those of YOLOF's released code.
"""

from yolox_ela.attention import ela_s
from yolox_ela.hosts.yolof import yolof
from yolox_ela.tasks.yolof import Yolof

exp = Yolof(
    network=yolof,
    attention=ela_s,
    epochs=12,
    batch_size=16,
    lr=0.003,
    drops=(8 / 12, 11 / 12),
    warmup_steps=1500,
    lr_factor_pretrained=1 / 3,
    grad_clip=4.0,
)
