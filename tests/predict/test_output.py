"""What is written reads back: pictures, tables, labels, crops."""

import csv
import errno
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from pycocotools.coco import COCO

from yolox_ela.choices import PREDICT_OUTPUTS
from yolox_ela.datasets.recognise import open_data
from yolox_ela.errors import UserError
from yolox_ela.images.read import read_image
from yolox_ela.predict.output import OutputFolder
from yolox_ela.predict.result import Result
from yolox_ela.predict.video import Frames

CLASSES = ("cat", "dog", "bus/coach")
BOXES = np.array([[10.25, 20.5, 60, 70.125], [0, 0, 100, 80], [90, 3, 100, 60]], np.float32)


def result(source, labels=(1, 0, 2), frame=None):
    """Boxes inside, around, and at the right edge of a picture of 100 x 80."""
    image = np.full((80, 100, 3), 90, np.uint8)
    image[:, :, 2] = np.arange(100)
    count = len(labels)
    return Result(
        source,
        image,
        BOXES[:count],
        np.array([0.9, 0.8, 0.7], np.float32)[:count],
        np.array(labels, np.int64),
        tuple(CLASSES[label] for label in labels),
        frame,
        10.0 if frame is not None else 0.0,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Everything of two pictures of one name, one with nothing in it, and a video."""
    folder = tmp_path_factory.mktemp("out")
    sources = [Path("in/photo.png"), Path("other/photo.jpg"), Path("in/clip.avi"), Path("gone.jpg")]
    output = OutputFolder(folder, PREDICT_OUTPUTS, CLASSES, sources)
    results = [result(sources[0]), result(sources[1], labels=())]
    results += [result(sources[2], labels=(1, 0), frame=number) for number in (0, 1, 4)]
    for one in results:
        output.add(one, one.plot())
    output.failed(sources[3], UserError("cannot open image gone.jpg"))
    output.close()
    return folder, results


def test_pictures_and_video(written):
    """Names that repeat are numbered; dropped frames are filled, so that the length is kept."""
    folder, results = written
    plotted = read_image(folder / "photo.jpg").astype(int)
    assert np.abs(plotted - results[0].plot()).mean() < 8
    assert (folder / "photo_2.jpg").is_file()
    with Frames(folder / "clip.mp4") as frames:
        assert (frames.rate, len(list(frames))) == (10, 5)


def test_lists(written):
    folder, _ = written
    entries = json.loads((folder / "detections.json").read_text())
    assert [Path(entry["image"]).name for entry in entries] == [
        "photo.png",
        "photo.jpg",
        "clip.avi",
        "gone.jpg",
    ]
    assert [d["class"] for d in entries[0]["detections"]] == ["dog", "cat", "bus/coach"]
    assert entries[0]["detections"][0]["box"] == [10.25, 20.5, 60, 70.12]
    assert entries[1]["detections"] == []
    assert [frame["frame"] for frame in entries[2]["frames"]] == [0, 1, 4]
    assert entries[3] == {"image": "gone.jpg", "error": "cannot open image gone.jpg"}
    with (folder / "detections.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 + 3 * 2
    assert rows[0]["class"] == "dog"
    assert [float(rows[0][key]) for key in ("x1", "y1", "x2", "y2")] == [10.25, 20.5, 60, 70.12]
    assert [row["frame"] for row in rows] == ["", "", "", "0", "0", "1", "1", "4", "4"]


def test_coco_results(written):
    """pycocotools accepts them."""
    folder, _ = written
    results = json.loads((folder / "detections_coco.json").read_text())
    truth = COCO()
    truth.dataset = {
        "images": [{"id": name} for name in {row["image_id"] for row in results}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)],
        "annotations": [],
    }
    truth.createIndex()
    loaded = truth.loadRes(results)
    first = loaded.loadAnns(loaded.getAnnIds(imgIds=["photo"]))[0]
    assert first["bbox"] == [10.25, 20.5, 49.75, 49.62]
    assert truth.cats[first["category_id"]]["name"] == first["category_name"] == "dog"


def read_back(data, classes):
    """The images of the first set of a data set, by id, without problems."""
    reader = open_data(data)
    images, problems = [], []
    for name in reader.sets():
        of_set = reader.read(name, classes)
        images += of_set.images
        problems += of_set.problems
    assert not [p for p in problems if p.kind != "box over the edge"], problems
    return {image.id: image for image in images}


def test_yolo_labels_read_back(written, tmp_path):
    """Beside the pictures and a data.yaml with the names, as the page on prediction says."""
    folder, results = written
    (tmp_path / "images").mkdir()
    for name in ("photo", "photo_2"):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.jpg"), results[0].image)
    (tmp_path / "labels").mkdir()
    for name in ("photo", "photo_2"):
        (tmp_path / f"labels/{name}.txt").write_text((folder / f"labels/{name}.txt").read_text())
    names = (folder / "classes.txt").read_text().splitlines()
    assert names == list(CLASSES)
    (tmp_path / "data.yaml").write_text(yaml.safe_dump({"train": "images", "names": names}))
    images = read_back(tmp_path, CLASSES)
    np.testing.assert_allclose(images["photo"].boxes, BOXES, atol=1e-3)
    assert images["photo"].labels.tolist() == [1, 0, 2]
    assert len(images["photo_2"].boxes) == 0
    assert (folder / "labels/clip_000004.txt").is_file()


def test_voc_labels_read_back(written, tmp_path):
    """Beside the pictures; the last pixel of a box is inside the picture."""
    folder, results = written
    for name in ("photo", "photo_2"):
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), results[0].image)
        xml = (folder / f"Annotations/{name}.xml").read_text()
        (tmp_path / f"{name}.xml").write_text(xml)
    images = read_back(tmp_path, CLASSES)
    np.testing.assert_allclose(images["photo"].boxes, np.minimum(BOXES, [99, 79, 99, 79]))
    assert images["photo"].labels.tolist() == [1, 0, 2]
    assert len(images["photo_2"].boxes) == 0


def test_crops(written):
    folder, results = written
    crop = read_image(folder / "crops/dog/photo_1.jpg").astype(int)
    assert crop.shape == (51, 50, 3)
    assert np.abs(crop - results[0].image[20:71, 10:60]).max() < 12
    assert (folder / "crops/bus_coach/photo_3.jpg").is_file()
    assert (folder / "crops/cat/clip_000004_2.jpg").is_file()


def test_no_input_is_overwritten(tmp_path):
    source = tmp_path / "photo.jpg"
    source.write_bytes(b"mine")
    output = OutputFolder(tmp_path, ["pictures"], CLASSES, [source])
    output.add(result(source), result(source).plot())
    output.close()
    assert source.read_bytes() == b"mine"
    assert (tmp_path / "photo_2.jpg").is_file()


def test_full_disk(tmp_path, monkeypatch):
    output = OutputFolder(tmp_path, PREDICT_OUTPUTS, CLASSES)

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    one = result(tmp_path / "photo.jpg")
    with pytest.raises(UserError, match=r"the disk of .* is full"):
        output.add(one, one.plot())


def test_result(tmp_path):
    one = result("photo.jpg")
    assert one.counts() == "1 dog, 1 cat, 1 bus/coach"
    assert one.save(tmp_path / "Größe.png") == tmp_path / "Größe.png"
    assert np.array_equal(read_image(tmp_path / "Größe.png"), one.plot())
    assert (one.plot() != one.image).any()
    for name in ("photo.xyz", "photo"):
        with pytest.raises(UserError, match=r"name a \.jpg or \.png"):
            one.save(tmp_path / name)
    with pytest.raises(UserError, match="cannot write"):
        one.save(tmp_path / "no" / "photo.jpg")
