"""DeepLabV3-ResNet50 + ELA-S on VOC's masks (arXiv 2403.01123, section 4.4, Table 8: 71.55 mIoU).

yolox-ela train -f deeplabv3_ela_s --data VOCdevkit/VOC2012 -c RESNET50.pth

The paper states the first rate, the crop, the batch, BatchNorm's decay of 0.9997 and 40,000 steps:
328 epochs of VOC2012's 1,464 images, which its released logs show. Momentum, weight decay, the
power schedule and the backbone's tenth of the rate are those of its released code, in which
BatchNorm's momentum is 0.01.
"""

from yolox_ela.attention import ela_s
from yolox_ela.hosts.segmentation import deeplabv3
from yolox_ela.tasks.segmentation import Segmentation

exp = Segmentation(
    network=deeplabv3,
    attention=ela_s,
    image_size=513,
    epochs=328,
    batch_size=12,
    lr=0.025,
    schedule="poly",
    weight_decay=5e-4,
    lr_factor_pretrained=0.1,
    batchnorm_momentum=0.0003,
    eval_interval=2,
)
