"""Data sets that users had trouble with: read as their author meant, or one error that says why."""

import subprocess

import numpy as np
import pytest

from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_pictures, load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.readers.voc import VocReader
from yolox_ela.datasets.recognise import open_data
from yolox_ela.datasets.train_and_test import require_objects
from yolox_ela.errors import UserError

SETS = ("2007/trainval", "2007/test")


def load(root, sets=SETS[:1]):
    return load_split(root, sets, VOC_CLASSES)


def objects_of(split, image_id):
    (row,) = np.flatnonzero(split.ids == image_id)
    return [
        (split.classes[label], *box)
        for label, box in zip(
            split.labels[split.objects(row)], split.boxes[split.objects(row)].tolist(), strict=True
        )
    ]


@pytest.mark.parametrize(
    ("name", "ids", "oddities"),
    [
        ("01", {"photo of cat (1)": "000506"}, 0),
        ("02", {"cam1/000506": "000506", "cam1/000627": "000627"}, 0),
        ("09", {i: i for i in ("000506", "000627", "000650")}, 3),
    ],
)
def test_ids_with_spaces_folders_or_suffixes(case, tiny_voc, warnings, name, ids, oddities):
    split = load(case(name))
    assert (len(split), len(split.labels)) == (8, 16)
    official = load(tiny_voc)
    for image_id, source in ids.items():
        assert objects_of(split, image_id) == objects_of(official, source)
    assert len(warnings) == (oddities > 0)
    assert all(message.startswith(f"{oddities} warnings") for message in warnings)


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("04", {"000506.xml": "object 1 has 2 <bndbox>"}),
        ("05", {"000627.xml": "no VOC annotation", "000650.xml": "no VOC annotation"}),
        ("06", {"000627.xml": "declares no encoding and is not utf-8"}),
    ],
)
def test_annotations_that_are_not_understood(case, tiny_voc, name, errors):
    root = case(name)
    report = check_dataset(root, SETS, VOC_CLASSES)
    assert {p.file.name: p.kind for p in report.problems} == dict.fromkeys(errors, "bad annotation")
    with pytest.raises(UserError) as caught:
        load(root)
    for file, says in errors.items():
        assert f"Annotations/{file}  {says}" in str(caught.value)
    # All others are read as they are in the official set.
    path = root / "VOC2007" / "ImageSets" / "Main" / "trainval.txt"
    lines = [line for line in path.read_text().split() if f"{line}.xml" not in errors]
    path.write_text("\n".join(lines))
    official = load(tiny_voc).subset_of_ids(lines)
    assert load(root).subset_of_ids(official.ids).fingerprint() == official.fingerprint()


def test_folders_of_images_with_xml_beside_them_are_sets(case, tiny_voc):
    root = case("03")
    reader = open_data(root)
    assert (reader.sets(), reader.default_sets()) == (["test", "train"], (["train"], ["test"]))
    split = load(root, ["train"])
    assert [len(load(root, [entry])) for entry in ("train", "test")] == [8, 4]
    official = load(tiny_voc).subset_of_ids(split.ids)
    assert split.fingerprint() == official.fingerprint()


def test_images_and_annotations_in_two_folders_are_a_set(voc, tmp_path):
    voc.add("photo of cat (1)", [("cat", 1, 1, 9, 9)], suffix=".png")
    voc.add("b", [("cat", 1, 1, 9, 9)])
    root = tmp_path / "my pets"
    root.mkdir()
    voc.image("b").parent.rename(root / "images")
    voc.xml("b").parent.rename(root / "annotations")
    assert open_data(root).sets() == ["all"]
    split = load_split(root, ["all"], ("cat",))
    assert split.ids.tolist() == ["b", "photo of cat (1)"]
    assert split.boxes.tolist() == [[0, 0, 8, 8]] * 2


def test_missing_lists_are_what_is_said_to_be_missing(voc):
    voc.add("a", [("cat", 1, 1, 9, 9)])
    voc.split().rename(voc.root / "old.txt")
    for folder in ("ImageSets/Main", "ImageSets"):
        (voc.folder / folder).rmdir()
    with pytest.raises(
        UserError, match="VOC2007 has Annotations, JPEGImages, but lacks Im"
    ) as caught:
        load_split(voc.root, ["2007/trainval"], ("cat",))
    commands = [line for line in str(caught.value).splitlines() if line.startswith("  ")]
    subprocess.run(["bash", "-e", "-c", "\n".join(commands)], check=True)
    assert load_split(voc.root, ["2007/trainval"], ("cat",)).ids.tolist() == ["a"]


def test_all_objects_are_difficult(case, warnings):
    root = case("08")
    split = load(root)
    assert (len(split.labels), split.difficult.all()) == (16, True)
    assert "every object of 2007/trainval is marked as difficult" in warnings[0]
    report = check_dataset(root, SETS, VOC_CLASSES, train_sets=SETS[:1])
    assert report.errors == 0
    assert sum(p.kind == "all difficult" for p in report.problems) == 2


def test_no_objects_at_all(case):
    root = case("17")
    report = check_dataset(root, SETS, VOC_CLASSES, train_sets=SETS[:1])
    assert [p.kind for p in report.problems if p.severity.value == "error"] == [
        "nothing to train on"
    ]
    assert report.to_text().endswith("do not train on this")
    split = load(root)
    with pytest.raises(UserError, match="nothing to train on: none of the 8 images of 2007/train"):
        require_objects(split, VocReader(root), SETS[:1])


def test_a_set_without_annotations_can_be_detected_on_only(case, tiny_voc):
    root, sets = case("19"), ["2012/test"]
    split = load_pictures(root, sets, VOC_CLASSES)
    assert split.ids.tolist() == ["2008_000505", "2008_000783", "2008_000817", "2008_000988"]
    assert (len(split.labels), split.offsets.tolist()) == (0, [0] * 5)
    assert (
        split.sizes.tolist()
        == load(tiny_voc, SETS[1:])
        .subset_of_ids([image_id[5:] for image_id in split.ids])
        .sizes.tolist()
    )
    says = "none of the 4 images of 2012/test has one"
    with pytest.raises(UserError, match=f"1 problems .*\n.*missing annotation.*{says}"):
        load(root, sets)
    annotations = root / "VOC2012" / "Annotations"
    annotations.mkdir()
    assert load_pictures(root, sets, VOC_CLASSES) is not None
    with pytest.raises(UserError, match=f"1 problems .*\n.*missing annotation.*{says}"):
        load(root, sets)
    report = check_dataset(root, sets, VOC_CLASSES)
    assert report.errors == 1
    assert says in report.to_text()

    # Where only some are missing, something went wrong.
    xml = next(tiny_voc.rglob("000505.xml"))
    (annotations / "2008_000505.xml").write_bytes(xml.read_bytes())
    assert load_pictures(root, sets, VOC_CLASSES) is None
    with pytest.raises(UserError, match="3 problems") as caught:
        load(root, sets)
    assert str(annotations / "2008_000783.xml") in str(caught.value)


def test_damaged_pictures_of_a_set_without_annotations_are_errors(case):
    root = case("19")
    pictures = root / "VOC2012" / "JPEGImages"
    (pictures / "2008_000505.jpg").unlink()
    (pictures / "2008_000783.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match="2 problems in 2012/test") as caught:
        load_pictures(root, ["2012/test"], VOC_CLASSES)
    assert "missing image" in str(caught.value)
    assert "unreadable image" in str(caught.value)


def test_three_classes(case, tiny_voc):
    names = ("dog", "person", "car")
    split, official = load_split(case("14"), SETS[1:], names), load(tiny_voc, SETS[1:])
    kept = np.isin(official.labels, [VOC_CLASSES.index(name) for name in names])
    assert split.ids.tolist() == official.ids.tolist()
    assert np.array_equal(split.boxes, official.boxes[kept])
    assert [names[label] for label in split.labels] == [
        VOC_CLASSES[label] for label in official.labels[kept]
    ]
