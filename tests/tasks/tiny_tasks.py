"""A tiny experiment of each task, with its data."""

import pytest
import tiny_data
import tiny_networks

from yolox_ela.attention import ela_t
from yolox_ela.tasks.classification import Classification
from yolox_ela.tasks.segmentation import Segmentation
from yolox_ela.tasks.yolof import Yolof

SHARED = {
    "attention": ela_t,
    "image_size": 32,
    "epochs": 2,
    "batch_size": 4,
    "workers": 0,
    "lr": 0.05,
    "ema_decay": 0.9,
    "ema_ramp": 2.0,
}
KINDS = {
    "classification": (Classification, tiny_networks.classifier, tiny_data.image_folders, {}),
    "segmentation": (
        Segmentation,
        tiny_networks.segmenter,
        tiny_data.masks,
        {"classes": ("background", "thing"), "schedule": "poly"},
    ),
    "yolof": (Yolof, tiny_networks.detector, tiny_data.objects, {"image_size": 64, "shift": 4}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def experiment(kind, **changes):
    recipe, network, _, own = KINDS[kind]
    exp = recipe(**{"name": kind, "network": network, **SHARED, **own, **changes})
    exp.validate()
    return exp
