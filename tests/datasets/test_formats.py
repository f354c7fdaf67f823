"""The same data in every format: the same objects, samples and scores, or one clear error."""

import json
import runpy
import shutil
import tarfile

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolox_ela.augment.loader import train_loader
from yolox_ela.commands.data_settings import fitted_to_data
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_pictures, load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.readers.reader import sets_by_name
from yolox_ela.datasets.recognise import open_data
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections, to_coco_results
from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.experiment import Experiment
from yolox_ela.recipe import Recipe


@pytest.fixture(scope="session")
def formats(shared, tiny_voc, tmp_path_factory):
    """Sets of the same photographs and objects as people have them, by ../shared/cases."""
    make = runpy.run_path(str(shared / "cases" / "30-coco-and-yolo" / "make.py"))
    folder = tmp_path_factory.mktemp("formats") / "sets"
    make["build"](next(tiny_voc.rglob("VOC2007")), folder, make["handed"])
    return folder


def evaluated(path):
    """The split that `eval --data path` evaluates on, and what was found wrong with it."""
    reader = open_data(path)
    exp = fitted_to_data(Experiment(), reader, training=False)
    problems = check_dataset(reader, exp.test_sets, exp.classes).problems
    return load_split(reader, exp.test_sets, exp.classes), problems


def given_to(formats, name):
    return formats / json.loads((formats / "cases.json").read_text())[name]["data"]


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
def test_objects_and_scores_are_those_of_the_voc_folder(formats, name, problems):
    reference, _ = evaluated(formats / "voc")
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
def test_training_samples_are_those_of_the_voc_folder(formats, name):
    recipe = Recipe(image_size=96, batch_size=16, workers=0, mosaic_prob=0.5)
    batches = []
    for path in (formats / "voc", given_to(formats, name)):
        split, _ = evaluated(path)
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


def test_a_box_a_little_outside_is_clipped_everywhere(formats):
    split, (problem,) = evaluated(given_to(formats, "yolo-a-little-outside"))
    reference, _ = evaluated(formats / "voc")
    assert (problem.kind, problem.file.name) == ("box over the edge", "000505.txt")
    assert len(split.boxes) == len(reference.boxes)
    assert split.boxes[0].tolist() == pytest.approx([196, 0, 397, 333 * (0.32582583 + 0.326225825)])


def test_ap_of_real_coco_data_is_what_pycocotools_prints(shared, tmp_path):
    with tarfile.open(shared / "data" / "coco_val2017_96.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    (path,) = [p for p in tmp_path.rglob("*.json") if "instances" in p.name]
    split, _ = evaluated(path)
    assert split.crowd.sum() > 0
    generator = np.random.default_rng(0)
    rows = np.arange(len(split.labels)).repeat(2)
    sides = np.tile(split.boxes[rows, 2:] - split.boxes[rows, :2], 2)
    boxes = split.boxes[rows] + sides * generator.uniform(-0.2, 0.2, sides.shape).astype("f4")
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))[rows]
    scores = generator.random(len(rows)).astype(np.float32)
    results = to_coco_results(Detections(images, boxes, scores, split.labels[rows]), split)
    kept = np.array([row["bbox"] for row in results])  # rounded as written
    kept[:, 2:] += kept[:, :2]
    detections = Detections(images, kept.astype(np.float32), scores, split.labels[rows])
    official = COCO(str(path))
    evaluation = COCOeval(official, official.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    ours = np.nanmean(score_split(detections, split).ap50_95)
    assert ours == pytest.approx(evaluation.stats[0], abs=1e-6)
    assert 0.2 < ours < 0.9


def test_regions_of_many_objects_are_not_trained_on(shared, tmp_path):
    with tarfile.open(shared / "data" / "coco_val2017_96.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    (path,) = [p for p in tmp_path.rglob("*.json") if "instances" in p.name]
    split, _ = evaluated(path)
    bare = split.without_crowds()
    assert len(bare.labels) == len(split.labels) - split.crowd.sum()
    for index in range(len(split)):
        of_image = split.objects(index)
        kept = split.boxes[of_image][~split.crowd[of_image]]
        assert np.array_equal(kept, bare.boxes[bare.objects(index)])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["images"].append(dict(d["images"][0])), "two images for an id"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3]), "not four numbers"),
        (lambda d: d["annotations"][0].update(bbox=["1", 2, 3, 4]), "not four numbers"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, -3, 4]), "inverted box"),
        (lambda d: d["annotations"][0].update(bbox=[0.1, 0.2, 0.3, 0.4]), "box not in pixels"),
        (lambda d: d["annotations"][0].update(bbox=[9000, 2, 3, 4]), "box outside the image"),
        (lambda d: d["annotations"][0].update(category_id=999), "category_id 999 is no category"),
        (lambda d: d["annotations"][0].update(iscrowd=2), "iscrowd is 2"),
        (lambda d: d["annotations"][0].update(ignore=1), "ignore is 1"),
        (lambda d: d["annotations"][0].update(attributes={"rotation": 9.5}), "is rotated"),
        (lambda d: d["images"][0].update(width=77), "size mismatch"),
        (lambda d: d["images"][0].pop("file_name"), "an image needs an id and a file_name"),
        (lambda d: d["images"][0].update(file_name="gone.jpg"), "gone.jpg is in none of"),
        (lambda d: d["categories"][1].update(id=1), "two categories have the id 1"),
        (lambda d: d["categories"][1].update(name="aeroplane"), "two categories are called"),
        (lambda d: d.pop("categories"), "it has no categories"),
        (lambda d: d.update(images="none"), "images must be a list"),
        (
            lambda d: [
                a.update(bbox=[*a["bbox"][:2], a["bbox"][0] + 400, a["bbox"][1] + 300])
                for a in d["annotations"]
            ],
            "are they x1, y1, x2, y2",
        ),
    ],
)
def test_coco_json_that_is_wrong_says_so(formats, tmp_path, change, says):
    root = tmp_path / "set"
    shutil.copytree(formats / "coco", root)
    path = root / "annotations" / "instances_test2017.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UserError) as caught:
        evaluated(path)
    assert says in str(caught.value)
    assert path.name in str(caught.value)


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


def test_pixels_of_a_wrong_image_folder_are_not_taken(formats, tmp_path):
    """Images of the same names lie in train2017 and test2017; each set reads its own."""
    root = tmp_path / "set"
    shutil.copytree(formats / "coco", root)
    annotations = root / "annotations"
    shutil.copytree(root / "test2017", root / "train2017")
    shutil.copy(annotations / "instances_test2017.json", annotations / "instances_train2017.json")
    reader = open_data(root)
    assert reader.default_sets() == (["train2017"], ["test2017"])
    for name in ("train2017", "test2017"):
        images = reader.read(name, VOC_CLASSES).images
        assert {image.path.parent for image in images} == {root / name}


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


def test_two_images_of_a_name_in_coco_json_are_two_images(formats, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(formats / "coco", root)
    path = root / "annotations" / "instances_test2017.json"
    content = json.loads(path.read_text())
    first, second = content["images"][:2]
    (root / "test2017" / second["file_name"]).rename(
        root / "test2017" / first["file_name"].replace(".jpg", ".jpeg")
    )
    second["file_name"] = first["file_name"].replace(".jpg", ".jpeg")
    path.write_text(json.dumps(content))
    split, _ = evaluated(root)
    assert sorted(split.ids[:2]) == ["000505.jpeg", "000505.jpg"]
    assert split.numbers[:2].tolist() == [first["id"], second["id"]]


def test_two_folders_of_xml_for_one_set_are_refused(formats, tmp_path):
    root = tmp_path / "set"
    voc = formats / "voc" / "VOC2007"
    shutil.copytree(voc / "JPEGImages", root / "images")
    shutil.copytree(voc / "Annotations", root / "annotations")
    shutil.copytree(voc / "Annotations", root / "xml")
    with pytest.raises(UserError, match=r"the XML of the set .all. is in .*annotations and in"):
        open_data(root)


def test_numbers_of_two_coco_files_that_contradict_each_other_are_not_given_back(formats, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(formats / "coco", root)
    source = root / "annotations" / "instances_test2017.json"
    other = json.loads(source.read_text())
    for entry in other["images"]:
        entry["file_name"] = f"b{entry['file_name']}"
    (root / "val2017").mkdir()
    for image in (root / "test2017").iterdir():
        shutil.copy(image, root / "val2017" / f"b{image.name}")
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(other))
    assert len(load_split(root, ["test2017"], VOC_CLASSES).numbers) == 48
    both = load_split(root, ["test2017", "val2017"], VOC_CLASSES)
    assert (len(both), len(both.numbers), len(both.categories)) == (96, 0, 0)
