"""Devices and precisions that a machine does not have are refused by name."""

import pytest

from yolox_ela.errors import UserError
from yolox_ela.system.device import select_device
from yolox_ela.train.accelerator import build_accelerator


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("gpu", "fp32", "--device gpu: choose auto, cpu"),
        ("xpu", "fp32", "--device xpu: choose auto, cpu"),
        ("cpu", "fp16", "fp16 training needs a CUDA GPU"),
        ("cuda:99", "fp32", "--device cuda:99"),
    ],
)
def test_refused(device, precision, message):
    with pytest.raises(UserError, match=message):
        build_accelerator(device, precision)


def test_auto_finds_a_device():
    assert select_device("auto").type in ("cuda", "mps", "cpu")
