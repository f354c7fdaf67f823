"""A set that does not exist, while one of nearly its name does."""

import pytest

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import nearest_set
from yolox_ela.datasets.readers.reader import unknown_set
from yolox_ela.errors import UserError


@pytest.mark.parametrize(
    ("name", "names", "meant"),
    [
        ("val", ["train", "valid", "test"], "valid"),
        ("valid", ["train", "val"], "val"),
        ("validation", ["train", "val", "test"], "val"),
        ("Val", ["train2017", "val2017"], "val2017"),
        ("testing", ["train", "test"], "test"),
        ("pohtos", ["photos", "val"], "photos"),
        ("val", ["train", "test"], None),
        ("all", ["2007/train"], None),
    ],
)
def test_nearest(name, names, meant):
    assert nearest_set(name, names) == meant


def test_the_error_asks(tmp_path):
    said = str(unknown_set("val", ["train", "valid"], tmp_path))
    assert said == f"{tmp_path} has no set 'val'; it has train, valid: did you mean 'valid'?"


def test_a_list_of_a_vocdevkit(voc):
    voc.add("a", split="train")
    voc.add("b", split="val")
    with pytest.raises(UserError, match=r"there are: train, val\. Did you mean 2007/val\?"):
        load_split(voc.root, ["2007/valid"], ["car"])
