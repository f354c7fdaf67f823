"""The generated sample: a balanced VOC data set without problems that replaces no other data."""

import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.errors import UserError

SETS = ("trainval", "test")


def voc_folder(root):
    return root / "VOCdevkit" / "VOC2007"


def image_ids(root, split):
    return (voc_folder(root) / "ImageSets" / "Main" / f"{split}.txt").read_text().split()


def read_objects(root, image_id):
    """(name, difficult, box counted from 0) of each object, straight from the XML."""
    annotation = ET.parse(voc_folder(root) / "Annotations" / f"{image_id}.xml").getroot()
    corners = ("xmin", "ymin", "xmax", "ymax")
    return [
        (
            item.findtext("name"),
            item.findtext("difficult") == "1",
            np.array([int(item.findtext(f"bndbox/{corner}")) - 1 for corner in corners]),
        )
        for item in annotation.iter("object")
    ]


def read_image(root, image_id):
    return cv2.imread(str(voc_folder(root) / "JPEGImages" / f"{image_id}.jpg"))


def files_below(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A sample with the default number of images; generated once for this file."""
    root = tmp_path_factory.mktemp("sample")
    before = time.process_time()
    assert generate_sample(root) == root
    assert time.process_time() - before < 10
    return root


def small_sample(root, **changes):
    return generate_sample(root, **{"train_images": 8, "test_images": 8, **changes})


def test_nothing_to_complain_about_for_the_data_set_check(sample):
    # XML, sizes against the JPEGs, boxes inside the image, ids, leakage between the sets.
    report = check_dataset(sample, [f"2007/{split}" for split in SETS], VOC_CLASSES)
    assert report.problems == []
    assert [summary.images for summary in report.sets] == [160, 40]
    assert sum(summary.negatives for summary in report.sets) == 3


@pytest.mark.parametrize("split", SETS)
def test_every_class_is_equally_frequent(sample, split):
    objects = [o for image_id in image_ids(sample, split) for o in read_objects(sample, image_id)]
    counts = Counter(name for name, _, _ in objects)
    assert set(counts) == set(VOC_CLASSES)
    assert min(counts.values()) >= 6
    assert max(counts.values()) - min(counts.values()) <= 1
    difficult = sum(hard for _, hard, _ in objects) / len(objects)
    assert 0.02 < difficult < 0.05


def test_images_hold_up_to_four_objects_that_hide_little_of_each_other(sample):
    for split in SETS:
        for image_id in image_ids(sample, split):
            boxes = [box for _, _, box in read_objects(sample, image_id)]
            assert len(boxes) <= 4
            for i, a in enumerate(boxes):
                for b in boxes[:i]:
                    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + 1
                    shared = sides.clip(min=0).prod()
                    union = sum((box[2:] - box[:2] + 1).prod() for box in (a, b)) - shared
                    assert shared / union < 0.1


def test_boxes_are_tight(sample):
    # Every pictogram has an outline darker than any background: where a picture is dark there
    # is an object, known from nothing but the JPEG's pixels.
    checked = 0
    for image_id in image_ids(sample, "test"):
        dark = read_image(sample, image_id).max(2) < 75
        objects = read_objects(sample, image_id)
        for i, (_, difficult, box) in enumerate(objects):
            x1, y1 = np.maximum(box[:2] - 4, 0)
            x2, y2 = box[2:] + 4
            alone = all(
                (other[:2] > (x2, y2)).any() or (other[2:] < (x1, y1)).any()
                for j, (_, _, other) in enumerate(objects)
                if j != i
            )
            if alone and not difficult:  # those are faded, so their outline is not dark
                window = dark[y1 : y2 + 1, x1 : x2 + 1]
                rows, columns = np.flatnonzero(window.any(1)), np.flatnonzero(window.any(0))
                seen = np.array((columns[0], rows[0], columns[-1], rows[-1]))
                seen += np.array((x1, y1, x1, y1))
                assert np.abs(seen - box).max() <= 2, f"{image_id}: {box}, but rendered at {seen}"
                checked += 1
        for _, _, (x1, y1, x2, y2) in objects:
            dark[max(y1 - 1, 0) : y2 + 2, max(x1 - 1, 0) : x2 + 2] = False
        assert not dark.any(), f"{image_id} has something rendered outside its boxes"
    assert checked > 30


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    first, second = small_sample(tmp_path / "a"), small_sample(tmp_path / "b")
    other = small_sample(tmp_path / "c", seed=1)
    assert files_below(first) == files_below(second)
    assert files_below(voc_folder(first)) != files_below(voc_folder(other))


def test_a_sample_that_is_there_is_kept(tmp_path):
    small_sample(tmp_path)
    mark = voc_folder(tmp_path) / "mark.txt"
    mark.write_text("still the same folder")
    assert small_sample(tmp_path) == tmp_path
    assert mark.is_file()


def test_a_sample_with_other_settings_is_refused(tmp_path):
    small_sample(tmp_path)
    before = files_below(tmp_path)
    with pytest.raises(UserError, match="VOCdevkit holds a sample generated with other settings"):
        small_sample(tmp_path, seed=1)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("folder", ["VOCdevkit/VOC2007/JPEGImages", "VOC2007", "JPEGImages"])
def test_another_data_set_is_left_alone(tmp_path, folder):
    photo = tmp_path / folder / "000001.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"a photo")
    with pytest.raises(UserError, match="not the generated sample") as caught:
        small_sample(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert files_below(tmp_path) == {photo.relative_to(tmp_path): b"a photo"}


@pytest.mark.slow
def test_an_interrupted_sample_is_not_taken_for_a_complete_one(tmp_path):
    code = (
        "import sys; from pathlib import Path; "
        "from yolox_ela.datasets.sample import generate_sample; "
        "generate_sample(Path(sys.argv[1]), train_images=5000)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert list(tmp_path.rglob("*.jpg")), "killed before it wrote an image"
    small_sample(tmp_path)
    assert [len(image_ids(tmp_path, split)) for split in SETS] == [8, 8]
    assert len(list((voc_folder(tmp_path) / "JPEGImages").iterdir())) == 16


def test_too_few_images_for_twenty_classes(tmp_path):
    with pytest.raises(ValueError, match="8 images"):
        generate_sample(Path(tmp_path), train_images=160, test_images=7)
    assert small_sample(tmp_path) == tmp_path
    for split in SETS:
        names = {o[0] for i in image_ids(tmp_path, split) for o in read_objects(tmp_path, i)}
        assert names == set(VOC_CLASSES)
