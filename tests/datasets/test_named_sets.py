"""Sets and classes that are named are used, also where their names are those of the defaults."""

import cv2
import numpy as np
import pytest

from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe

TRAINVAL = {"train_sets": "2007/trainval"}


@pytest.fixture
def devkit(voc):
    """A VOCdevkit with the lists train, val, trainval and part, but none of the name test."""
    for at in range(4):
        voc.add(f"{at}", [("car", 1, 1, 30, 30)])
    folder = voc.root / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    for name, ids in {"train": "01", "val": "2", "trainval": "012", "part": "3"}.items():
        (folder / f"{name}.txt").write_text("\n".join(ids) + "\n")
    return voc


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ("2007/train", "2007/val")),
        (TRAINVAL | {"test_sets": "2007/part"}, ("2007/trainval", "2007/part")),
        (TRAINVAL | {"test_sets": ("2007/part",)}, ("2007/trainval", "2007/part")),
        ({"test_sets": "2007/part"}, ("2007/trainval", "2007/part")),
        ({"test_sets": "2007/val"}, ("2007/train", "2007/val")),
        ({"train_sets": "2007/train"}, ("2007/train", "2007/val")),
    ],
)
def test_sets(devkit, values, expected):
    recipe = override(Recipe(), values)
    fitted = fitted_to_data(recipe, open_as(recipe, devkit.root), training=True)
    assert (*fitted.train_sets, *fitted.test_sets) == expected


class Mine(Experiment):
    train_sets = ("2007/trainval",)


@pytest.mark.parametrize("exp", [Experiment(train_sets=("2007/trainval",), lr=0.1), Mine()])
def test_sets_in_an_experiment(devkit, exp):
    changed = override(exp, {"lr": "0.2"})
    fitted = fitted_to_data(changed, open_as(exp, devkit.root), training=True)
    assert fitted.train_sets == ("2007/trainval",)


def test_a_named_set_that_there_is_not(devkit):
    """It is not taken for another one."""
    recipe = override(Recipe(), {"test_sets": "2007/test"})
    with pytest.raises(UserError, match=r"no split file .*test\.txt; there are: part, train, "):
        fitted_to_data(recipe, open_as(recipe, devkit.root), training=True)


def test_classes(tmp_path):
    """In the order in which they are named, also if it is VOC's, and not in that of the data."""
    own = VOC_CLASSES[::-1]
    lines = ["train: images", "val: images", f"names: [{', '.join(own)}]"]
    (tmp_path / "data.yaml").write_text("\n".join(lines))
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "0.png"), np.zeros((32, 32, 3), np.uint8))
    (tmp_path / "labels" / "0.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    reader = open_as(Recipe(), tmp_path)
    assert fitted_to_data(Recipe(), reader, training=False).classes == own
    named = override(Recipe(), {"classes": ",".join(VOC_CLASSES)})
    assert fitted_to_data(named, reader, training=False).classes == VOC_CLASSES
