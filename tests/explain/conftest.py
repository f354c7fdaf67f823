"""A photograph of a people, and detectors with the package's own weights."""

import copy
from pathlib import Path

import cv2
import pytest
import torch
from torch import nn

from yolox_ela.predict import Detector

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "detections.jpg"
LEFT = 450  # of the picture's part with an astronaut and a man with a camera


@pytest.fixture(scope="session")
def people():
    """(300, 613, 3) uint8 BGR."""
    return cv2.imread(str(PICTURE))[:, LEFT:].copy()


@pytest.fixture(scope="session")
def detector():
    """The package's own, with a small input."""
    return Detector.from_pretrained(image_size=192, device="cpu")


@pytest.fixture(scope="session")
def gated_detector(detector):
    """The same network with gates that differ between channels and positions."""
    torch.manual_seed(0)
    model = copy.deepcopy(detector.model)
    for module in model.backbone.attention.values():
        nn.init.normal_(module.gate_h[1].weight, std=0.7)
    return Detector.from_model(
        model, detector.classes, image_size=192, device="cpu", score_threshold=0.01
    )
