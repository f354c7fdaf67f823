"""COCO JSON: what it means, and every fault named."""

import json
import shutil
import tarfile

import numpy as np
import pytest
from format_files import evaluated
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.recognise import open_data
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections, to_coco_results
from yolox_ela.evaluate.scores import score_split


def test_ap_of_real_coco_data_is_what_pycocotools_prints(shared, tmp_path):
    with tarfile.open(shared / "data" / "coco_val2017_96.tar") as archive:
        archive.extractall(tmp_path)
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
        archive.extractall(tmp_path)
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
