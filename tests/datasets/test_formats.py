"""The same data in every format: the same objects, samples and scores, or one clear error."""

import json
import shutil

import numpy as np
import pytest
from format_files import evaluated

from yolox_ela.augment.loader import train_loader
from yolox_ela.commands.data_settings import fitted_to_data
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.readers.reader import sets_by_name
from yolox_ela.datasets.recognise import open_data
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.experiment import Experiment
from yolox_ela.recipe import Recipe


def given_to(formats, name):
    return formats / json.loads((formats / "cases.json").read_text())[name]["data"]


@pytest.fixture(scope="module")
def reference(formats):
    """The split of the VOC folder."""
    return evaluated(formats / "voc")[0]


def some_detections(split):
    """Three detections around each object, by class name and image, whatever the order of both."""
    generator = np.random.default_rng(0)
    order = np.lexsort((split.boxes[:, 0], split.boxes[:, 1]))  # independent of numbers of classes
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))[order].repeat(3)
    boxes = split.boxes[order].repeat(3, axis=0)
    boxes = boxes + generator.normal(0, 6, boxes.shape).astype(np.float32)
    names = [VOC_CLASSES.index(split.classes[label]) for label in split.labels[order]]
    wrong = generator.random(len(images)) < 0.2
    labels = np.where(wrong, generator.integers(0, 20, len(images)), np.repeat(names, 3))
    own = np.array([split.classes.index(name) for name in VOC_CLASSES])
    return Detections(images, boxes, generator.random(len(images)).astype("f4"), own[labels])


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("coco", {}),
        ("coco-ids-of-a-database", {}),
        ("coco-unused-category-0", {}),
        ("coco-box-of-no-height", {"empty box": "annotation 99999"}),
        ("coco-subfolders", {}),
        ("coco-roboflow", {}),
        ("yolo", {}),
        ("yolo-roboflow", {}),
        ("yolo-names-as-mapping", {}),
        ("yolo-polygons", {}),
        ("yolo-no-file-or-empty-file", {}),
        ("yolo-no-test", {}),
    ],
)
def test_objects_and_scores_are_those_of_the_voc_folder(formats, reference, name, problems):
    split, found = evaluated(given_to(formats, name))
    assert {p.kind: p.detail.split(" of ")[0] for p in found} == problems
    assert [i.rpartition("/")[2] for i in split.ids] == reference.ids.tolist()
    assert set(split.classes) == set(VOC_CLASSES)
    assert split.offsets.tolist() == reference.offsets.tolist()
    assert np.abs(split.boxes - reference.boxes).max() < 1e-3
    assert [split.classes[at] for at in split.labels] == [
        VOC_CLASSES[at] for at in reference.labels
    ]
    scores = [score_split(some_detections(s), s) for s in (split, reference)]
    for metric in METRICS:
        mine, theirs = (np.nanmean(getattr(score, metric)) for score in scores)
        assert mine == pytest.approx(theirs, abs=1e-9)
        assert 0.2 < mine < 0.9  # some are found, some missed


@pytest.mark.parametrize("name", ["coco", "yolo", "yolo-roboflow"])
def test_training_samples_are_those_of_the_voc_folder(formats, reference, name):
    recipe = Recipe(image_size=96, batch_size=16, workers=0, mosaic_prob=0.5)
    batches = []
    for split in (reference, evaluated(given_to(formats, name))[0]):
        batches.append(next(iter(train_loader(split, recipe))))
    assert (batches[0].images == batches[1].images).all()
    assert batches[0].targets.shape == batches[1].targets.shape
    assert (batches[0].targets - batches[1].targets).abs().max() < 1e-3
    assert len(batches[0].targets.nonzero()) > 20


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("coco-annotation-without-image", "annotation 99999 has image_id 4711"),
        ("coco-results-file", "a list of detections .* not annotations"),
        ("yolo-class-out-of-range", r"000505\.txt  line 1: class 20 is not among the 20 names"),
    ],
)
def test_what_cannot_be_meant_is_one_error(formats, name, says):
    with pytest.raises(UserError, match=says):
        evaluated(given_to(formats, name))


def test_a_box_a_little_outside_is_clipped_everywhere(formats, reference):
    split, (problem,) = evaluated(given_to(formats, "yolo-a-little-outside"))
    assert (problem.kind, problem.file.name) == ("box over the edge", "000505.txt")
    assert len(split.boxes) == len(reference.boxes)
    assert split.boxes[0].tolist() == pytest.approx([196, 0, 397, 333 * (0.32582583 + 0.326225825)])


def test_several_formats_in_a_folder_ask_which(formats, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(formats / "coco", root)
    shutil.copytree(formats / "yolo", root, dirs_exist_ok=True)
    with pytest.raises(UserError, match="holds COCO JSON and YOLO txt"):
        open_data(root)
    assert open_data(root / "data.yaml").layout == "YOLO txt"
    assert open_data(root / "annotations" / "instances_test2017.json").layout == "COCO JSON"


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (["train", "valid"], (["train"], ["valid"])),
        (["train", "valid", "test"], (["train"], ["test"])),
        (["train2017", "val2017"], (["train2017"], ["val2017"])),
        (["all"], ([], ["all"])),
        (["photos", "val"], (["photos"], ["val"])),
        (["train"], (["train"], [])),
    ],
)
def test_sets_are_told_by_their_names(sets, expected):
    assert sets_by_name(sets) == expected


def test_a_set_that_is_missing_is_named_with_those_there_are(formats):
    reader = open_data(formats / "coco")
    with pytest.raises(UserError, match="has no set to train on; it has test2017"):
        fitted_to_data(Experiment(), reader, training=True)
    with pytest.raises(UserError, match="has no set 'val'; it has test2017"):
        reader.read("val", VOC_CLASSES)


def test_a_misspelled_class_is_asked_about(formats):
    exp, reader = Experiment(classes=("person", "hors")), open_data(formats / "coco")
    with pytest.raises(UserError, match=r"'hors', which never occurs .*did you mean horse"):
        fitted_to_data(exp, reader, training=False)


def test_other_classes_can_be_left_out(formats):
    classes = ("person", "car")
    with pytest.raises(UserError, match="unknown class"):
        load_split(formats / "coco", ["test2017"], classes)
    full = load_split(formats / "coco", ["test2017"], VOC_CLASSES)
    for name in ("coco", "yolo", "voc"):
        sets = {"coco": "test2017", "yolo": "test", "voc": "2007/test"}[name]
        split = load_split(formats / name, [sets], classes, ignore_others=True)
        kept = [VOC_CLASSES[at] in classes for at in full.labels]
        assert len(split) == len(full)
        assert np.allclose(split.boxes, full.boxes[kept], atol=1e-3)


def test_a_folder_above_a_data_set_is_answered_with_the_data_set(formats):
    with pytest.raises(UserError, match=r"there is one in .*coco and one in .*: give that"):
        open_data(formats)


def test_two_folders_of_xml_for_one_set_are_refused(formats, tmp_path):
    root = tmp_path / "set"
    voc = formats / "voc" / "VOC2007"
    shutil.copytree(voc / "JPEGImages", root / "images")
    shutil.copytree(voc / "Annotations", root / "annotations")
    shutil.copytree(voc / "Annotations", root / "xml")
    with pytest.raises(UserError, match=r"the XML of the set .all. is in .*annotations and in"):
        open_data(root)
