"""Data sets written in other formats: what is kept, what is said to be lost, what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.convert import WRITERS, write_data
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.readers.reader import ReadSet
from yolox_ela.datasets.recognise import open_data
from yolox_ela.errors import UserError

CLASSES = ("cat", "traffic light", "狗")


@pytest.fixture(scope="module")
def real(tiny_voc):
    """The first 24 photographs of each set, without difficult objects."""
    reader = open_data(tiny_voc)
    return {name: plain(reader.read(name, VOC_CLASSES), 24) for name in reader.default_sets()[1]}


def plain(of_set, count):
    images = []
    for image in of_set.images[:count]:
        keep = ~image.difficult
        arrays = {n: getattr(image, n)[keep] for n in ("boxes", "labels", "difficult", "crowd")}
        images.append(replace(image, **arrays))
    return ReadSet(images, [])


@pytest.fixture
def image(tmp_path):
    """An image file of 60 x 40 pixels with objects, as a reader gives it."""

    def make(image_id, boxes=(), *, labels=None, difficult=(), crowd=(), number=-1, folder="in"):
        path = tmp_path / folder / f"{image_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(list(str(path).encode())).integers(0, 256, (40, 60, 3))
        Image.fromarray(noise.astype(np.uint8)).save(path)
        count = len(boxes)
        return CheckedImage(
            image_id,
            path,
            (60, 40),
            np.array(boxes, dtype=np.float64).reshape(-1, 4),
            np.array(labels or [0] * count, dtype=np.int64),
            np.isin(np.arange(count), difficult),
            np.isin(np.arange(count), crowd),
            number=number,
        )

    return make


def write(target, out, sets, classes=CLASSES, *, root="/elsewhere", placing="copy"):
    sets = {name: s if isinstance(s, ReadSet) else ReadSet(s, []) for name, s in sets.items()}
    return write_data(WRITERS[target], out, sets, classes, root=Path(root), placing=placing)


def objects(images):
    return [(i.id, i.size, i.labels.tolist(), i.boxes.tolist()) for i in images]


@pytest.mark.parametrize("through", ["coco", "yolo", "voc"])
def test_photographs_come_back_from_each_format_as_they_were(real, through, tmp_path):
    """Ids, order, sizes, classes and boxes; the image files byte for byte."""
    assert write(through, tmp_path / "there", real, VOC_CLASSES) == []
    there = open_data(tmp_path / "there")
    assert there.class_names(there.sets()) == VOC_CLASSES
    (name,) = there.sets()
    between = there.read(name, VOC_CLASSES)
    assert between.problems == []
    write("voc", tmp_path / "back", {name: between}, VOC_CLASSES)
    back = open_data(tmp_path / "back")
    (name,) = back.sets()
    (before,) = real.values()
    after = back.read(name, VOC_CLASSES)
    assert after.problems == []
    assert objects(after.images) == objects(before.images)
    for old, new in zip(before.images, after.images, strict=True):
        np.testing.assert_allclose(new.boxes, old.boxes, rtol=0, atol=1e-3)
        assert new.path.read_bytes() == old.path.read_bytes()
        assert new.path.name == old.path.name


def test_each_format_is_laid_out_as_other_programs_read_it(image, tmp_path):
    sets = {"2007/trainval": [image("a", [(0, 1, 30, 21)], labels=[2])], "2007/test": [image("b")]}
    write("coco", tmp_path / "coco", sets)
    write("yolo", tmp_path / "yolo", sets)
    write("voc", tmp_path / "voc", sets)
    coco = json.loads((tmp_path / "coco/annotations/instances_trainval.json").read_text())
    assert coco["images"] == [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}]
    assert [c["name"] for c in coco["categories"]] == list(CLASSES)
    (row,) = coco["annotations"]
    assert (row["category_id"], row["bbox"], row["area"]) == (3, [0, 1, 30, 20], 600)
    assert (tmp_path / "coco/test/b.png").is_file()

    content = yaml.safe_load((tmp_path / "yolo/data.yaml").read_text())
    assert content["names"] == dict(enumerate(CLASSES))
    assert (content["train"], content["test"]) == ("images/train", "images/test")
    label, *box = (tmp_path / "yolo/labels/train/a.txt").read_text().split()
    assert label == "2"
    np.testing.assert_allclose([float(v) for v in box], [0.25, 0.275, 0.5, 0.5], atol=1e-9)
    assert (tmp_path / "yolo/labels/test/b.txt").read_text() == ""

    year = tmp_path / "voc/VOCdevkit/VOC2007"
    assert (year / "ImageSets/Main/trainval.txt").read_text() == "a\n"
    xml = (year / "Annotations/a.xml").read_text()
    for tag in ("<xmin>1<", "<ymin>2<", "<xmax>31<", "<ymax>22<", "<name>狗<", "<truncated>0<"):
        assert tag in xml
    assert (tmp_path / "voc/classes.txt").read_text().splitlines() == list(CLASSES)


LOSSES = [
    # format, options of an image, the note, boxes that are left
    ("yolo", {"difficult": [0]}, "1 objects marked as difficult become ordinary", 2),
    ("coco", {"difficult": [0, 1]}, "2 objects marked as difficult become ordinary", 2),
    ("voc", {"difficult": [0]}, None, 2),
    ("yolo", {"crowd": [1]}, "1 regions of many objects (crowds) are left out", 1),
    ("voc", {"crowd": [0, 1]}, "2 regions of many objects (crowds) are left out", 0),
    ("coco", {"crowd": [0]}, None, 2),
]


@pytest.mark.parametrize(("target", "options", "note", "left"), LOSSES)
def test_what_a_format_cannot_hold_is_said(image, tmp_path, target, options, note, left):
    one = image("a", [(1, 2, 30, 20), (5, 5, 20, 30)], labels=[0, 1], **options)
    notes = write(
        target, tmp_path / "out", {"train": [one, image("b", [(1, 1, 9, 9)], labels=[2])]}
    )
    assert (
        sum(note in text for text in notes) == 1 if note else not any("object" in n for n in notes)
    )
    reader = open_data(tmp_path / "out")
    first = reader.read(reader.sets()[0], CLASSES).images[0]
    assert len(first.labels) == left
    assert first.difficult.sum() == (len(options.get("difficult", ())) if target == "voc" else 0)
    assert first.crowd.sum() == (len(options.get("crowd", ())) if target == "coco" else 0)


BOXES = [
    # a box with edges, what VOC makes of it, the note
    ((0.25, 0.5, 30.75, 20), (0.25, 0.5, 30.75, 20), "1 boxes have decimals"),
    ((10, 10, 60, 40), (10, 10, 59, 39), "end up to 1 pixels before it, on its last pixel"),
    ((10, 10, 10.5, 30), None, "1 boxes are under a pixel wide or high and are left out"),
]


@pytest.mark.parametrize(("box", "expected", "note"), BOXES)
def test_boxes_that_voc_cannot_hold_as_they_are(image, tmp_path, box, expected, note):
    sets = {"train": [image("a", [box])]}
    notes = write("voc", tmp_path / "voc", sets)
    assert sum(note in text for text in notes) == 1
    (read,) = open_data(tmp_path / "voc").read("2007/train", CLASSES).images
    assert read.boxes.tolist() == ([list(expected)] if expected else [])
    for target in ("coco", "yolo"):
        assert write(target, tmp_path / target, sets) == []
        (read,) = open_data(tmp_path / target).read("train", CLASSES).images
        np.testing.assert_allclose(read.boxes, [box], rtol=0, atol=1e-6)


def test_images_of_one_name_in_several_sets_keep_apart(image, tmp_path):
    one, other = (image("x", [(1, 1, 20, 20)], folder=f) for f in ("train", "valid"))
    notes = write("voc", tmp_path / "voc", {"train": [one], "valid": [other]})
    assert any("2 images get another name" in n and "x is train/x" in n for n in notes)
    reader = open_data(tmp_path / "voc")
    for name, source in (("2007/train", one), ("2007/val", other)):
        (read,) = reader.read(name, CLASSES).images
        assert read.path.read_bytes() == source.path.read_bytes()
    notes = write("coco", tmp_path / "coco", {"train": [one], "valid": [other]})
    assert notes == []


@pytest.mark.parametrize("target", ["voc", "coco", "yolo"])
def test_folders_within_a_set_and_paths_out_of_it(image, tmp_path, target):
    inside = image("cam 1/x", [(1, 1, 20, 20)])
    outside = replace(image("y", [(1, 1, 20, 20)]), id="../../y")
    write(target, tmp_path / "out", {"train": [outside, inside]})
    reader = open_data(tmp_path / "out")
    read = reader.read(reader.sets()[0], CLASSES)
    assert {i.id for i in read.images} == {"cam 1/x", "y"}
    assert {p.name for p in tmp_path.iterdir()} == {"in", "out"}


def test_ids_and_category_numbers_of_coco_are_kept(image, tmp_path):
    images = [image("b", [(1, 1, 9, 9)], labels=[1], number=902), image("a", number=17)]
    source = ReadSet(images, [], categories={"cat": 3, "traffic light": 10, "狗": 90})
    write("coco", tmp_path / "out", {"val2017": source})
    content = json.loads((tmp_path / "out/annotations/instances_val2017.json").read_text())
    assert [entry["id"] for entry in content["images"]] == [902, 17]
    assert [entry["id"] for entry in content["categories"]] == [3, 10, 90]
    assert content["annotations"][0]["category_id"] == 10


@pytest.mark.parametrize("target", ["voc", "coco"])
def test_sets_without_annotations_stay_so(image, tmp_path, target):
    write(target, tmp_path / "out", {"test": ReadSet([image("a"), image("b")], [], False)})
    reader = open_data(tmp_path / "out")
    read = reader.read(reader.sets()[0], CLASSES)
    assert not read.annotated
    assert [i.id for i in read.images] == ["a", "b"]


@pytest.mark.parametrize("placing", ["copy", "hardlink", "symlink"])
def test_images_are_copied_or_linked(image, tmp_path, placing):
    source = image("a", [(1, 1, 9, 9)])
    write("coco", tmp_path / "out", {"train": [source]}, placing=placing)
    target = tmp_path / "out/train/a.png"
    assert target.read_bytes() == source.path.read_bytes()
    assert target.is_symlink() == (placing == "symlink")
    assert (target.stat().st_ino == source.path.stat().st_ino) == (placing != "copy")


REFUSED = [
    ("voc", ("a\x01b", "c"), "a", "has a character that XML cannot hold"),
    ("voc", CLASSES, "a\u2028b", "cannot stand in a list of one name a line"),
    ("yolo", ("a\udcffb", "c"), "a", "is no text"),
    ("yolo", CLASSES, ".a", "is a hidden file"),
]


@pytest.mark.parametrize(("target", "classes", "image_id", "says"), REFUSED)
def test_names_that_a_format_cannot_hold_are_refused(
    image, tmp_path, target, classes, image_id, says
):
    with pytest.raises(UserError, match=says):
        write(target, tmp_path / "out", {"train": [image(image_id)]}, classes)
    assert {p.name for p in tmp_path.iterdir()} == {"in"}


def test_folders_that_are_in_use_are_refused(image, tmp_path):
    sets = {"train": [image("a", [(1, 1, 9, 9)])]}
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(UserError, match="exists and is not empty"):
        write("coco", tmp_path / "full", sets)
    with pytest.raises(UserError, match="is a file"):
        write("coco", tmp_path / "full/file", sets)
    with pytest.raises(UserError, match="lies inside the data set"):
        write("coco", tmp_path / "in/out", sets, root=tmp_path / "in")
    (tmp_path / "empty").mkdir()
    write("coco", tmp_path / "empty", sets)
    assert len(open_data(tmp_path / "empty").read("train", CLASSES).images) == 1


def test_nothing_is_left_of_a_conversion_that_fails(image, tmp_path):
    """The second image vanishes meanwhile: the first is not left as if it were all."""
    first, second = image("a", [(1, 1, 9, 9)]), image("b", [(1, 1, 9, 9)])
    sets = {"train": ReadSet([first, second], [])}
    second.path.unlink()
    with pytest.raises(UserError, match=r"cannot write .*out: .*b\.png"):
        write("yolo", tmp_path / "out", sets)
    assert {p.name for p in tmp_path.iterdir()} == {"in"}


def test_two_years_and_sets_of_one_role(image, tmp_path):
    def sets():
        return {f"{year}/train": [image(f"{year}_a", [(1, 1, 9, 9)])] for year in (2007, 2012)}

    write("voc", tmp_path / "voc", sets())
    assert open_data(tmp_path / "voc").sets() == ["2007/train", "2012/train"]
    write("coco", tmp_path / "coco", sets())
    assert open_data(tmp_path / "coco").sets() == ["train2007", "train2012"]
    notes = write("yolo", tmp_path / "yolo", sets())
    assert any("2012/train joins train" in note for note in notes)
    assert len(load_split(tmp_path / "yolo", ["train"], CLASSES)) == 2
