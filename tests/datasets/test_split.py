"""Reading a VOC set: flat arrays, layouts and split files, errors that name the file."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from reading import CAR, CLASSES, TRAINVAL, box_xml, load, object_in

from yolox_ela.datasets.layout import find_voc_folder
from yolox_ela.datasets.load import check_command, load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.readers.voc import VocReader
from yolox_ela.datasets.split import read_id_list
from yolox_ela.errors import UserError

# The arrays


def test_a_set_becomes_flat_arrays_in_the_order_of_the_split_file(voc, warnings):
    voc.add("b", [("dog", 1, 1, 60, 40), ("car", 11, 6, 30, 20, 1)])
    voc.add("a", size=(50, 30))
    voc.add("c", [("person", 2, 3, 10, 12)])
    split = load(voc)
    assert len(split) == 3
    assert split.classes == CLASSES
    assert split.ids.tolist() == ["b", "a", "c"]
    assert [Path(path) for path in split.paths] == [voc.image(i) for i in "bac"]
    assert split.sizes.tolist() == [[60, 40], [50, 30], [60, 40]]
    assert split.offsets.tolist() == [0, 2, 2, 3]
    # The XML counts pixels from 1, boxes count from 0.
    assert split.boxes.tolist() == [[0, 0, 59, 39], [10, 5, 29, 19], [1, 2, 9, 11]]
    assert split.labels.tolist() == [1, 0, 2]
    assert split.difficult.tolist() == [False, True, False]
    assert [split.labels[split.objects(i)].tolist() for i in range(3)] == [[1, 0], [], [2]]
    assert (split.boxes.dtype, split.labels.dtype) == (np.float32, np.int64)
    assert warnings == []


def test_a_set_may_consist_of_images_without_objects(voc):
    voc.add("a")
    voc.add("b")
    split = load(voc)
    assert split.ids.tolist() == ["a", "b"]
    assert split.boxes.shape == (0, 4)
    assert split.offsets.tolist() == [0, 0, 0]
    assert split.labels.dtype == np.int64


def test_sets_of_several_years_follow_each_other(voc, voc_writer):
    voc.add("000001", [CAR])
    later = voc_writer(voc.root, "2012")
    later.add("2008_1", [("dog", 1, 1, 20, 20)], split="train")
    split = load(voc, ["2012/train", "2007/trainval"])
    assert split.ids.tolist() == ["2008_1", "000001"]
    assert split.labels.tolist() == [1, 0]
    assert Path(split.paths[0]) == later.image("2008_1")


def test_subsets_keep_each_image_with_its_objects(voc):
    voc.add("a", [CAR, ("dog", 1, 1, 9, 9)])
    voc.add("b", size=(50, 30))
    voc.add("c", [("person", 2, 3, 10, 12, 1)])
    split = load(voc)
    turned = split.subset([2, 0])
    assert turned.ids.tolist() == ["c", "a"]
    assert turned.offsets.tolist() == [0, 1, 3]
    assert turned.labels.tolist() == [2, 0, 1]
    assert turned.difficult.tolist() == [True, False, False]
    assert turned.boxes[0].tolist() == [1, 2, 9, 11]
    assert [Path(path).stem for path in turned.paths] == ["c", "a"]

    named = split.subset_of_ids(["c", "b"])
    assert named.ids.tolist() == ["b", "c"]
    assert named.sizes.tolist() == [[50, 30], [60, 40]]
    assert named.labels.tolist() == [2]

    assert len(split.subset([])) == 0
    assert split.subset([]).boxes.shape == (0, 4)
    with pytest.raises(UserError, match=r"2 image ids are not in the set \(first: x\)"):
        split.subset_of_ids(["a", "y", "x"])


def test_the_fingerprint_follows_the_content_not_the_place(voc, tmp_path):
    voc.add("a", [CAR, ("dog", 1, 1, 9, 9)])
    voc.add("b", [("person", 2, 3, 10, 12)])
    before = load(voc).fingerprint()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(voc.root / "VOCdevkit", elsewhere / "VOCdevkit")
    assert load_split(elsewhere, TRAINVAL, CLASSES).fingerprint() == before

    seen = {before}
    for objects in (
        [box_xml(11, 6, 30, 21)],  # a box that is a pixel longer
        [box_xml(11, 6, 30, 20)],  # one object fewer
    ):
        voc.annotate("a", *(object_in(box) for box in objects))
        seen.add(load(voc).fingerprint())
    voc.annotate("a", object_in(box_xml(11, 6, 30, 20), name="dog"))
    seen.add(load(voc).fingerprint())
    voc.split().write_text("b\na\n")
    seen.add(load(voc).fingerprint())
    voc.split().write_text("a\n")
    seen.add(load(voc).fingerprint())
    assert len(seen) == 6


# Layouts and split files


@pytest.mark.parametrize("where", ["", "VOCdevkit", "VOCdevkit/VOC2007"])
def test_the_root_may_be_the_devkit_or_its_parent_or_the_folder_itself(voc, where):
    voc.add("a", [CAR])
    assert load_split(voc.root / where, TRAINVAL, CLASSES).ids.tolist() == ["a"]


def test_a_slash_at_the_end_or_a_relative_root_do_no_harm(voc, monkeypatch):
    voc.add("a", [CAR])
    assert load_split(f"{voc.root}/VOCdevkit/", TRAINVAL, CLASSES).ids.tolist() == ["a"]
    monkeypatch.chdir(voc.root)
    assert load_split(Path("VOCdevkit"), TRAINVAL, CLASSES).ids.tolist() == ["a"]
    assert load_split(Path(), TRAINVAL, CLASSES).ids.tolist() == ["a"]


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".jpeg", ".png", ".bmp"])
def test_images_need_not_be_jpg(voc, suffix):
    voc.add("a", [CAR], suffix=suffix)
    assert load(voc).paths.tolist() == [str(voc.image("a", suffix))]


@pytest.mark.parametrize(
    ("text", "oddities"),
    [
        ("a\nb", 0),
        ("a\r\nb\r\n", 0),
        ("  a  \n\tb\n", 0),
        ("a\n\n  \nb\n\n", 3),  # blank lines
        ("a  1\nb -1\n", 2),  # the files that VOC has for each class
        ("a\nb\na\na\n", 2),  # an id again
    ],
)
def test_lines_of_split_files_are_forgiven(voc, warnings, text, oddities):
    voc.add("a", [CAR])
    voc.add("b")
    voc.split().write_bytes(text.encode())
    assert load(voc).ids.tolist() == ["a", "b"]
    assert len(warnings) == (oddities > 0)
    assert all(message.startswith(f"{oddities} warnings in ") for message in warnings)


# Files that are missing or damaged


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "kind", "file"),
    [
        (lambda voc: voc.image("a").unlink(), "missing image", "a.jpg"),
        (lambda voc: voc.xml("a").unlink(), "missing annotation", "a.xml"),
        (lambda voc: voc.image("a").write_bytes(b"no image"), "unreadable image", "a.jpg"),
        (lambda voc: voc.image("a").write_bytes(b""), "unreadable image", "a.jpg"),
        (lambda voc: cut_in_half(voc.image("a")), "unreadable image", "a.jpg"),
        (lambda voc: voc.annotate("a", size=(40, 60)), "size mismatch", "a.xml"),
        (lambda voc: voc.split().write_text("\n"), "empty split", "trainval.txt"),
        (lambda voc: voc.split().write_text("c.jpg"), "missing image", "c.jpg"),
    ],
)
def test_a_file_that_is_missing_or_damaged_is_named(voc, damage, kind, file):
    voc.add("a", [CAR])
    voc.add("b", [CAR])
    damage(voc)
    with pytest.raises(UserError, match=kind) as caught:
        load(voc)
    line = next(line for line in str(caught.value).splitlines() if kind in line)
    assert file in line
    assert str(voc.root) in line


def test_all_problems_come_in_one_message_of_bearable_length(voc):
    for number in range(30):
        voc.add(f"{number:03}", [("unicorn", 1, 1, 9, 9)])
    with pytest.raises(UserError) as caught:
        load(voc)
    message = str(caught.value)
    assert message.startswith("30 problems in 2007/trainval")
    assert message.count("unknown class") == 10
    # where to see them all
    command = (
        f"yolox-ela dataset check --data {voc.root} --sets 2007/trainval classes car,dog,perso"
    )
    assert command in message
    assert "the classes are car, dog, person: name the others as well" in message


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (VOC_CLASSES, ""),
        (("big cat", "dog"), " classes 'big cat,dog'"),
        (("a.b",), " classes a.b,"),
    ],
)
def test_the_command_that_lists_all_problems_has_the_classes(classes, words):
    command = check_command(VocReader(Path("/my data")), ["2007/train", "2012/val"], classes)
    assert command == (
        f"yolox-ela dataset check --data '/my data' --sets 2007/train 2012/val{words}"
    )


def test_warnings_say_what_was_done(voc, warnings):
    voc.add("a", [("car", 0, 6, 30, 20), ("car", 1, 1, 99, 9), ("dog", 1, 1, 1, 1)])
    voc.split().write_text("a\n\na\n")
    load(voc)
    (message,) = warnings
    file = voc.xml("a")
    for line in (
        f"5 warnings in 2007/trainval under {voc.root}:",
        f"  2 box over the edge, first {file}: object 1, car at 0, 6, 30, 20 in 60x40: clipped",
        f"  1 empty box, first {file}: object 3, dog at 1, 1, 1, 1 in 60x40, under a pixel: "
        "dropped",
        f"  1 blank line, first {voc.split()}: line 2: skipped",
        f"  1 duplicate id, first {voc.split()}: line 3: a, read once",
    ):
        assert line in message.splitlines()


def test_a_missing_split_is_named_with_those_there_are(voc):
    voc.add("a", split="train")
    voc.add("b", split="val")
    voc.split("car_train").write_text("a 1\n")
    with pytest.raises(UserError, match=r"trainval\.txt; there are: train, val\. Name them"):
        load(voc)


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("Annotations", "none of the 1 images of 2007/trainval has one"),
        ("ImageSets", "no VOC2007 under .* has Annotations, JPEGImages, but lacks ImageSets"),
        ("JPEGImages", "no VOC2007 under .* has Annotations, ImageSets, but lacks JPEGImages"),
        ("", "no data set found in .*a VOCdevkit; .*COCO JSON .*YOLO txt"),
    ],
)
def test_a_folder_without_the_layout_is_named(voc, missing, says):
    voc.add("a")
    shutil.rmtree(voc.folder / missing)
    with pytest.raises(UserError, match=f"(?s){says}") as caught:
        load(voc)
    assert str(voc.root) in str(caught.value)


def test_the_year_decides_between_folders(voc, voc_writer):
    voc_writer(voc.root, "2012")
    assert find_voc_folder(voc.root, "2012").name == "VOC2012"
    assert find_voc_folder(voc.root / "VOCdevkit", "2007") == voc.folder
    with pytest.raises(UserError, match="no VOC2010 under"):
        find_voc_folder(voc.root, "2010")


def test_a_list_of_ids_is_read_by_the_rules_of_split_files(voc, tmp_path, warnings):
    for image_id in ("000001", "000002", "photo of cat (1)"):
        voc.add(image_id, [CAR])
    split = load(voc)
    path = tmp_path / "ids.txt"
    path.write_text("photo of cat (1)\n\n  000002\n")
    assert read_id_list(path, split.ids) == ["photo of cat (1)", "000002"]
    assert warnings == []
    path.write_text("000001 1\nJPEGImages\\000002.jpg\nphoto of cat (1).jpg\n")
    ids = read_id_list(path, split.ids)
    assert ids == ["000001", "000002", "photo of cat (1)"]
    assert split.subset_of_ids(ids).ids.tolist() == ids
    (message,) = warnings
    assert "ids.txt: 3 lines hold more than an id; the first, '000001 1', is read as 0" in message
    path.write_text("000003.jpg\n")
    with pytest.raises(UserError, match=r"1 image ids are not in the set \(first: 000003\.jpg\)"):
        split.subset_of_ids(read_id_list(path, split.ids))
    path.write_text("\n")
    with pytest.raises(UserError, match=r"ids\.txt names no image"):
        read_id_list(path, split.ids)
    with pytest.raises(UserError, match=r"no list of image ids at .*other\.txt"):
        read_id_list(tmp_path / "other.txt", split.ids)
