"""Devices and precisions that a machine lacks are refused by name; a run leaves no state behind."""

import pytest
from accelerate import Accelerator, PartialState

from yolox_ela.errors import UserError
from yolox_ela.system.device import select_device
from yolox_ela.train.accelerator import build_accelerator, state_of_caller


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


@pytest.mark.parametrize("processes", ["one", "several"])
def test_runs_of_other_precisions_in_one_program(processes, monkeypatch):
    """Also in a program that uses accelerate itself, for what it does before and after."""
    own = Accelerator(cpu=True, gradient_accumulation_steps=4)
    if processes == "several":
        monkeypatch.setenv("WORLD_SIZE", "2")
    for precision in ("bf16", "fp32"):
        with state_of_caller():
            connected = bool(PartialState._shared_state)
            assert connected is (processes == "several")
            run = build_accelerator("cpu", precision)
            assert (run.mixed_precision == "bf16") is (precision == "bf16")
            assert run.gradient_accumulation_steps == 1
    assert own.mixed_precision == "no"
    assert own.gradient_accumulation_steps == 4
    assert own.device.type == "cpu"
