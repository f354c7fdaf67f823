"""A tiny run that trains in seconds."""

import pytest
from loguru import logger

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.experiment import Experiment
from yolox_ela.overrides import override


@pytest.fixture(scope="session")
def tiny_sample(tmp_path_factory):
    """A generated data set of 20 and 8 images."""
    return generate_sample(tmp_path_factory.mktemp("sample"), train_images=20, test_images=8)


@pytest.fixture(scope="session")
def tiny_splits(tiny_sample):
    """Its trainval and test sets."""
    classes = Experiment().classes
    return (
        load_split(tiny_sample, ["2007/trainval"], classes),
        load_split(tiny_sample, ["2007/test"], classes),
    )


@pytest.fixture(scope="session")
def few_splits(tiny_splits):
    """Eight and four of their images: two steps an epoch."""
    train, test = tiny_splits
    return train.subset(range(8)), test.subset(range(4))


@pytest.fixture(scope="session")
def tiny_recipe():
    """Three epochs of five steps at 64 pixels, with every part of the recipe in use."""
    settings = {
        "image_size": 64,
        "batch_size": 4,
        "epochs": 3,
        "final_fraction": 0.33,
        "multiscale": 0.5,
        "mosaic_prob": 0.5,
        "eval_interval": 2,
        "workers": 0,
        "lr": 0.05,
    }
    return override(Experiment(), settings)


@pytest.fixture
def screen():
    """Messages that a user sees on the screen."""
    seen = []
    handler = logger.add(lambda message: seen.append(message.record["message"]), level="INFO")
    yield seen
    logger.remove(handler)
