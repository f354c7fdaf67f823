"""val_fraction: a share of a single set's images for evaluation."""

import shutil
from collections import Counter

import numpy as np
import pytest
from voc_files import object_xml

from yolox_ela.commands import dataset
from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.commands.dataset_options import parse
from yolox_ela.datasets.load import check_command, load_split
from yolox_ela.datasets.train_and_test import require_disjoint
from yolox_ela.errors import UserError
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe

DIVIDED = Recipe(val_fraction=0.25)


@pytest.fixture
def single(voc):
    """A VOCdevkit with one list: 16 pictures of cars, half of them with a dog, one without any."""
    for at in range(16):
        dog = [("dog", 5, 5, 20, 20)] if at % 2 else []
        voc.add(f"{at:02}", [("car", 1, 1, 30, 30), *dog] if at else [])
    return voc


def parts(data, recipe=DIVIDED):
    """What the recipe trains on and evaluates on."""
    reader = open_as(recipe, data)
    fitted = fitted_to_data(recipe, reader, training=True)
    sets = (fitted.train_sets, fitted.test_sets)
    return [
        load_split(reader, names, fitted.classes, ignore_others=fitted.other_classes == "ignore")
        for names in sets
    ]


def test_every_image_is_in_one_part_and_classes_are_spread(single):
    train, val = parts(single.root)
    require_disjoint(train, val)
    assert sorted([*train.ids, *val.ids]) == [f"{at:02}" for at in range(16)]
    assert len(val) == 4
    assert Counter(val.classes[label] for label in val.labels) == {"car": 4, "dog": 2}


def test_the_same_as_the_command_split_writes(single, tmp_path, monkeypatch):
    out = tmp_path / "divided"
    words = ["--data", str(single.root / "VOCdevkit"), "--shares", "0.75,0.25", "-o", str(out)]
    monkeypatch.setattr("sys.argv", ["dataset.py", "split", *words])
    dataset.main(parse(tmp_path))
    _, val = parts(single.root)
    (lists,) = out.rglob("val.txt")
    assert lists.read_text().split() == val.ids.tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 5},
        {"classes": ("dog", "car")},
        {"classes": ("dog",), "other_classes": "ignore"},
    ],
    ids=str,
)
def test_the_division_depends_on_the_data_alone(single, changes):
    """So runs of any seed and any part of the classes evaluate the same images."""
    before = single.files()
    _, expected = parts(single.root)
    _, found = parts(single.root, override(DIVIDED, changes))
    assert found.ids.tolist() == expected.ids.tolist()
    assert single.files() == before, "nothing is written into the data"


def test_equal_pictures_stay_together(single):
    for at in range(0, 16, 2):  # pairs of one picture
        single.image(f"{at + 1:02}").write_bytes(single.image(f"{at:02}").read_bytes())
    train, val = parts(single.root)
    assert not np.isin(train.pixels, val.pixels).any()


def test_a_problem_is_told_of_its_own_part(single, warnings):
    _, val = parts(single.root)
    single.annotate(val.ids[0], object_xml("car", 1, 1, 99, 30), object_xml("dog", 1, 1, 9, 9))
    parts(single.root)
    (message,) = [text for text in warnings if "over the edge" in text]
    assert message.startswith("1 warnings in ")
    assert val.ids[0] in message


def test_several_sets_are_refused(single):
    single.add("new", [("car", 1, 1, 9, 9)], split="test")
    with pytest.raises(UserError, match=r"of a single set, but .* has 2007/trainval, 2007/test"):
        open_as(DIVIDED, single.root)


def test_data_of_a_single_set_name_the_remedy(single):
    with pytest.raises(UserError, match=r"no set to evaluate on; .* add val_fraction 0\.2"):
        fitted_to_data(Recipe(), open_as(Recipe(), single.root), training=True)


def test_a_set_of_another_name_is_suggested(single):
    reader = open_as(DIVIDED, single.root)
    with pytest.raises(UserError, match="no set 'valid'; it has train, val: did you mean 'val'"):
        reader.read("valid", ("car",))


def test_the_advised_command_divides_as_well(single):
    command = check_command(open_as(DIVIDED, single.root), ["val"], ("car", "dog"))
    assert command.endswith("--sets val val_fraction 0.25 classes car,dog")


@pytest.mark.parametrize("val", ["images/train", "images/val"])
def test_a_data_yaml_whose_val_is_train_or_missing(tmp_path, val, voc):
    """As labelling tools and Ultralytics' examples write it."""
    for at in range(5):
        voc.add(f"{at}")
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    shutil.copytree(voc.folder / "JPEGImages", tmp_path / "images" / "train")
    (tmp_path / "labels" / "train").mkdir()
    for at in range(5):
        (tmp_path / "labels" / "train" / f"{at}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    yaml = tmp_path / "data.yaml"
    yaml.write_text(f"train: images/train\nval: {val}\nnames: [car]\n")
    train, held = parts(yaml, Recipe(val_fraction=0.2))
    assert (len(train), len(held)) == (4, 1)
    with pytest.raises(UserError, match=r"add val_fraction 0\.2"):
        require_disjoint(*parts(yaml, Recipe()))
