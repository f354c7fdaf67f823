"""YOLOX-Nano with half of its layers, for tests of what goes on around a network."""

from torch import nn
from yolox.models.network_blocks import CspLayer

from yolox_ela.network.model import build_yolox


def shallow_yolox(num_classes, attention=None, **options):
    """As `build_yolox`, without bottlenecks and without the towers of the head."""
    network = build_yolox(num_classes, attention, **options)
    for module in network.modules():
        if isinstance(module, CspLayer):
            module.m = nn.Sequential()
    for towers in (network.head.cls_convs, network.head.reg_convs):
        for level in range(len(towers)):
            towers[level] = nn.Sequential()
    return network
