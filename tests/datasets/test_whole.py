"""Whole data sets: which sets they have, and ids that stay apart."""

from pathlib import Path

import pytest

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.recognise import open_data
from yolox_ela.datasets.whole import all_sets, read_sets, with_unique_ids
from yolox_ela.errors import UserError

CAR = ("car", 1, 1, 30, 20)


def test_sets_of_a_vocdevkit_do_not_overlap(voc):
    voc.add("a", [CAR], split="train")
    voc.add("b", [CAR], split="val")
    assert all_sets(open_data(voc.root)) == ["2007/train", "2007/val"]
    voc.split("trainval").write_text("a\nb\n")
    voc.add("c", [CAR], split="test")
    assert all_sets(open_data(voc.root)) == ["2007/trainval", "2007/test"]
    voc.split("trainval").rename(voc.split("mine"))
    for split in ("train", "val", "test"):
        voc.split(split).unlink()
    assert all_sets(open_data(voc.root)) == ["2007/mine"]


def test_a_set_that_a_data_yaml_names_and_lacks_is_left_out_with_a_word(tmp_path, warnings):
    (tmp_path / "data.yaml").write_text("names: [a]\ntrain: images/train\ntest: images/test\n")
    (tmp_path / "images" / "train").mkdir(parents=True)
    assert all_sets(open_data(tmp_path)) == ["train"]
    assert "test is left out" in warnings[0]


def test_what_is_wrong_is_refused_with_its_files(voc):
    voc.add("a", [("unicorn", 1, 1, 9, 9)])
    voc.add("b", [CAR], split="test")
    reader = open_data(voc.root)
    with pytest.raises(
        UserError, match=r"1 problems in 2007/trainval .*\n.*unknown class .*a\.xml"
    ):
        read_sets(reader, ["2007/trainval"], ["car"])
    assert len(read_sets(reader, ["2007/test"], ["car"])["2007/test"].images) == 1


def test_equal_ids_of_different_files_get_the_name_of_their_set():
    def image(image_id, path):
        return CheckedImage.without_objects(image_id, Path(path), (9, 9))

    sets = {
        "train": [image("x", "/one/x.jpg"), image("y", "/one/y.jpg")],
        "val": [image("x", "/two/x.jpg"), image("y", "/one/y.jpg")],
    }
    found = {name: [i.id for i in images] for name, images in with_unique_ids(sets).items()}
    assert found == {"train": ["train/x", "y"], "val": ["val/x", "y"]}
