"""What is given from Python and is of another kind: one sentence that names the argument."""

import pytest
import torch

from yolox_ela.choices import DETECTOR
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.network.model import build_yolox
from yolox_ela.network.runner import Runner
from yolox_ela.predict import Detector
from yolox_ela.system.device import select_device

HUGE = 10**5000  # which Python does not write as text
CALLS = {
    "checkpoint": Detector.from_checkpoint,
    "the experiment": load_experiment,
    "the name of weights": Detector.from_pretrained,
    "runner": Detector,
    "model": lambda value: Detector.from_model(value, ["cat"]),
    "classes": lambda value: Detector.from_model(build_yolox(1), value),
    "path": lambda value: found().save(value),
    "on_error": lambda value: next(detector().stream("no.jpg", on_error=value)),
    "image_size": lambda value: Detector.from_pretrained(DETECTOR, image_size=value),
    "--device": lambda value: select_device(value),
    "max_detections": lambda value: detector(max_detections=value),
    "only": lambda value: detector(only=value),
    "an image": lambda value: detector()(value),
}


def detector(**options):
    runner = Runner(lambda images: torch.zeros(len(images), 1, 6), ("cat",), 32)
    return Detector(runner, **options)


def found():
    return detector()(torch.zeros(32, 32, 3, dtype=torch.uint8).numpy())


@pytest.mark.parametrize("value", [{}, 1.5, HUGE], ids=["dict", "float", "huge"])
@pytest.mark.parametrize("argument", CALLS)
def test_one_sentence_names_the_argument(argument, value):
    if argument == "max_detections" and value == HUGE:
        value = -HUGE  # a large number is no mistake
    with pytest.raises(UserError) as raised:
        CALLS[argument](value)
    said = str(raised.value)
    assert argument in said
    assert "\n" not in said
    assert len(said) < 250


def test_names_that_no_file_can_have():
    with pytest.raises(UserError, match="no weights"):
        Detector.from_pretrained("x" * 5000)
    with pytest.raises(UserError, match="classes must be a list"):
        Detector.from_model(build_yolox(3), "cat")
