"""The numbers, tables and picture of `dataset stats`."""

import json
from pathlib import Path

import numpy as np
import pytest

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.recognise import open_data
from yolox_ela.network.class_rows import COCO_CLASSES
from yolox_ela.report.data_statistics import plot_statistics, set_statistics, statistics_text
from yolox_ela.report.style import to_png


def image(boxes, labels, *, difficult=(), crowd=(), size=(640, 480)):
    rows = np.arange(len(boxes))
    return CheckedImage(
        "a",
        Path("a.jpg"),
        size,
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(labels, dtype=np.int64),
        np.isin(rows, difficult),
        np.isin(rows, crowd),
    )


def test_everything_is_counted():
    images = [
        image([(0, 0, 20, 10), (0, 0, 32, 32), (0, 0, 96, 96)], [0, 0, 1], difficult=[1]),
        image([(0, 0, 400, 100), (9, 9, 500, 400)], [1, 0], crowd=[1]),
        image([], [], size=(100, 300)),
    ]
    found = set_statistics("train", images, ("cat", "dog", "cow")).to_json()
    assert json.loads(json.dumps(found)) == found
    expected = {
        "images": 3,
        "images_without_objects": 1,
        "objects": 4,
        "difficult": 1,
        "crowds": 1,
        "objects_by_size": {"small": 1, "medium": 1, "large": 2},
        "per_class": {
            "cat": {"objects": 2, "images": 1},
            "dog": {"objects": 2, "images": 2},
            "cow": {"objects": 0, "images": 0},
        },
    }
    assert {key: found[key] for key in expected} == expected
    assert found["objects_per_image"]["most"] == 3
    assert found["width_by_height"] | {"quarter": 0, "three_quarters": 0} == {
        "least": 1, "quarter": 0, "median": 1.5, "three_quarters": 0, "most": 4
    }  # fmt: skip
    assert found["square_root_of_area"]["most"] == 200
    assert (found["image_width"]["least"], found["image_height"]["most"]) == (100, 480)


def test_photographs_are_counted_as_their_xml_says(tiny_voc):
    reader = open_data(tiny_voc)
    sets = [
        set_statistics(name, reader.read(name, VOC_CLASSES).images, VOC_CLASSES)
        for name in ("2007/trainval", "2007/test")
    ]
    xml = "".join(p.read_text() for p in tiny_voc.rglob("Annotations/*.xml"))
    assert sum(len(of_set.labels) for of_set in sets) == xml.count("<object>")
    assert sum(of_set.difficult for of_set in sets) == xml.count("<difficult>1<")
    persons = sum(of_set.to_json()["per_class"]["person"]["objects"] for of_set in sets)
    assert persons == xml.count("<name>person<")
    text = statistics_text(sets)
    rows = {line[:24].strip(): line[24:].split() for line in text.splitlines()}
    assert rows["images"] == ["48", "48"]
    assert (
        len([line for line in text.splitlines() if line.split()[:1] in [[c] for c in VOC_CLASSES]])
        == 20
    )


COUNTS = {"no object": ((), 3), "one class": (("a $cat$",), 40), "80 classes": (COCO_CLASSES, 300)}


@pytest.mark.parametrize(("classes", "count"), COUNTS.values(), ids=COUNTS)
def test_any_number_of_classes_and_objects_has_a_picture(classes, count):
    rng = np.random.default_rng(0)
    images = []
    for _ in range(count):
        objects = int(rng.integers(0, 5)) if classes else 0
        start, sides = rng.uniform(0, 200, (objects, 2)), rng.uniform(2, 200, (objects, 2))
        labels = rng.integers(0, max(len(classes), 1), objects) ** 2 % max(len(classes), 1)
        images.append(image(np.concatenate([start, start + sides], axis=1), labels))
    classes = classes or ("cat", "dog")
    sets = [set_statistics(name, images, classes) for name in ("train", "val", "_test")]
    figure = plot_statistics(sets)
    png = to_png(figure, dpi=40)
    assert png.startswith(b"\x89PNG")
    class_axes = [a for a in figure.findobj() if getattr(a, "get_xlabel", str)() == "objects"]
    names = [label.get_text() for axes in class_axes for label in axes.get_yticklabels()]
    assert names == list(classes)  # each once, in order
    texts = {label.get_text() for a in class_axes for label in a.get_xticklabels()}
    assert not any("$" in text for text in texts)
