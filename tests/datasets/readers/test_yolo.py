"""YOLO txt: what it means, and every fault named."""

import shutil

import numpy as np
import pytest
from format_files import evaluated

from yolox_ela.datasets.load import load_pictures, load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.recognise import open_data
from yolox_ela.errors import UserError


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 250 120 90 60", "shares of the image's width and height, not pixels"),
        ("0 0.5 0.5 0.2", "4 numbers; a box has 5, a polygon 7, 9, 11"),
        ("0 0.5 0.5 0.2 0.2 0.9", "the sixth looks like a score"),
        ("0 0.5 0.5 0.2 nan", "is not a class's number and shares"),
        ("0 0.5 0.5 0.2 1_0", "is not a class's number and shares"),
        ("cat 0.5 0.5 0.2 0.2", "is not a class's number and shares"),
        ("0.5 0.5 0.5 0.2 0.2", "class 0.5 is no class's number"),
        ("-1 0.5 0.5 0.2 0.2", "class -1 is no class's number"),
        ("0 0.5 0.5 -0.2 0.2", "inverted box"),
    ],
)
def test_yolo_lines_that_are_wrong_say_so(formats, tmp_path, text, says):
    root = tmp_path / "set"
    shutil.copytree(formats / "yolo", root)
    label = root / "labels" / "test" / "000505.txt"
    label.write_text(text + "\n" + label.read_text())
    with pytest.raises(UserError) as caught:
        evaluated(root)
    assert says in str(caught.value)
    assert "000505.txt" in str(caught.value)
    assert "line 1" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nc: 3\nnames: [a, b]\nval: images/test\n", "says nc: 3, but names 2 classes"),
        ("names: [a, a]\nval: images/test\n", "names a twice"),
        ("names: {0: a, 2: b}\nval: images/test\n", "without a gap"),
        ("val: images/test\n", "has no names"),
        ("names: [a]\n", "names no images"),
        ("names: [a]\nval: images/gone\n", "gone is missing"),
        ("names: [a\nval: x\n", "cannot be read as YAML"),
    ],
)
def test_a_data_yaml_that_is_wrong_says_so(formats, tmp_path, text, says):
    path = formats / "yolo" / "wrong.yaml"
    path.write_text(text)
    try:
        with pytest.raises(UserError) as caught:
            evaluated(path)
    finally:
        path.unlink()
    assert says in str(caught.value)
    assert "wrong.yaml" in str(caught.value)


def test_class_names_are_taken_as_written(formats, tmp_path):
    """YAML would make true, 1.5 and nothing of three of these."""
    path = formats / "yolo" / "names.yaml"
    path.write_text("names: [no, 1.50, null, 'Löwe 猫']\nval: images/test\n")
    try:
        assert open_data(path).class_names(["val"]) == ("no", "1.50", "null", "Löwe 猫")
    finally:
        path.unlink()


@pytest.fixture
def links(formats, tmp_path):
    """YOLO's set, its images reached through a linked folder."""
    root = tmp_path / "set"
    shutil.copytree(formats / "yolo", root)
    (root / "images" / "test").rename(tmp_path / "elsewhere")
    (root / "images" / "test").mkdir()
    (root / "images" / "test" / "link").symlink_to(tmp_path / "elsewhere")
    (root / "labels" / "test").rename(root / "labels" / "link")
    (root / "labels" / "test").mkdir()
    (root / "labels" / "link").rename(root / "labels" / "test" / "link")
    return root


def test_images_behind_links_are_read(formats, links):
    reference, _ = evaluated(formats / "yolo")
    split, problems = evaluated(links)
    assert problems == []
    assert np.array_equal(split.boxes, reference.boxes)
    assert split.ids.tolist() == reference.ids.tolist()


def test_labels_beside_the_images_are_found_below_a_folder_called_images(formats, tmp_path):
    root = tmp_path / "images" / "set"
    shutil.copytree(formats / "yolo" / "images" / "test", root / "all")
    for label in (formats / "yolo" / "labels" / "test").iterdir():
        shutil.copy(label, root / "all")
    text = (formats / "yolo" / "data.yaml").read_text().replace("images/test", "all")
    (root / "data.yaml").write_text(text)
    reference, _ = evaluated(formats / "yolo")
    split, _ = evaluated(root)
    assert np.array_equal(split.boxes, reference.boxes)


def test_yolo_images_without_labels_can_be_detected_on_only(formats, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(formats / "yolo", root)
    shutil.rmtree(root / "labels")
    assert len(load_pictures(root, ["test"], VOC_CLASSES)) == 48
    with pytest.raises(UserError, match=r"missing annotation.*labels/test/000505\.txt"):
        load_split(root, ["test"], VOC_CLASSES)
