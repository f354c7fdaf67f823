"""Annotations: every dialect that labelling tools write, exact boxes, what is refused by name."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from reading import CAR, box_xml, load, object_in
from yolox.data.datasets.voc import AnnotationTransform

from yolox_ela.data.annotation import parse_annotation
from yolox_ela.data.classes import VOC_CLASSES
from yolox_ela.data.voc import load_split
from yolox_ela.errors import UserError

PARTS = "<part><name>head</name>" + box_xml(1, 1, 5, 5) + "</part>"


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(object_in(box_xml(11, 6, 30, 20)), id="no difficult"),
        pytest.param(object_in(box_xml("11.0", "6.0", "3e1", " 20.0 ")), id="decimals"),
        pytest.param(object_in(box_xml(11, 6, 30, 20), name="\n car "), id="spaces"),
        pytest.param(object_in(box_xml(11, 6, 30, 20), inside="<difficult/>"), id="empty tag"),
        pytest.param(object_in(PARTS + box_xml(11, 6, 30, 20)), id="parts before"),
        pytest.param(object_in(box_xml(11, 6, 30, 20) + PARTS), id="parts after"),
        pytest.param(
            "<object><bndbox><ymax>20</ymax><xmax>30</xmax><ymin>6</ymin><xmin>11</xmin></bndbox>"
            "<pose>Left</pose><name>car</name></object>",
            id="another order",
        ),
    ],
)
def test_dialects_of_objects_give_the_same_object(voc, item, warnings):
    voc.add("a")
    voc.annotate("a", item)
    split = load(voc)
    assert split.boxes.tolist() == [[10, 5, 29, 19]]
    assert (split.labels.tolist(), split.difficult.tolist()) == ([0], [False])
    assert warnings == []


def test_decimals_of_coordinates_are_kept(voc):
    voc.add("a", [("car", 11.25, 6.5, 30.75, 20.125)])
    assert load(voc).boxes.tolist() == [[10.25, 5.5, 29.75, 19.125]]


@pytest.mark.parametrize(
    "size",
    [
        "",
        "<size/>",
        "<size><width>0</width><height>0</height></size>",
        "<size><width>60</width></size>",
        "<size><width>wide</width><height>40</height></size>",
    ],
)
def test_a_missing_size_is_taken_from_the_image(voc, size, warnings):
    voc.add("a")
    voc.annotate("a", size, object_in(box_xml(11, 6, 300, 20)), size=None)
    split = load(voc)
    assert split.sizes.tolist() == [[60, 40]]
    assert split.boxes.tolist() == [[10, 5, 59, 19]]  # clipped to the image
    assert len(warnings) == 1


def test_an_annotation_is_read_as_written(voc):
    voc.add("a")
    voc.annotate("a", object_in(box_xml(-5, 6, 300, 2), name="unicorn"), size=(7, 8))
    annotation = parse_annotation(voc.xml("a"))
    assert annotation.names == ("unicorn",)
    assert annotation.boxes.tolist() == [[-6, 5, 299, 1]]
    assert annotation.size == (7, 8)


def test_real_annotations_agree_with_yolox(tiny_voc):
    xmls = {path.stem: path for path in tiny_voc.rglob("*.xml")}
    split = load_split(tiny_voc, ["2007/trainval", "2007/test"], VOC_CLASSES)
    assert sorted(split.ids) == sorted(xmls)
    read = AnnotationTransform()
    for i, image_id in enumerate(split.ids):
        objects, (height, width) = read(ET.parse(xmls[image_id]).getroot())
        rows = split.objects(i)
        assert split.sizes[i].tolist() == [width, height]
        assert np.array_equal(split.boxes[rows], objects[:, :4])
        assert np.array_equal(split.labels[rows], objects[:, 4])
    assert 0 < split.difficult.sum() < len(split.difficult)


# Boxes that are not quite right


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ((1, 1, 60, 40), [0, 0, 59, 39]),  # the whole image, in VOC's numbers
        ((0, 0, 60, 40), [0, 0, 59, 39]),  # tools that count from 0
        ((-20, 6, 30, 20), [0, 5, 29, 19]),
        ((11, 6, 30, 45.5), [10, 5, 29, 39]),
        ((-20, -20, 100, 100), [0, 0, 59, 39]),
    ],
)
def test_boxes_over_the_edge_are_clipped(voc, box, kept):
    voc.add("a", [("car", *box)])
    assert load(voc).boxes.tolist() == [kept]


@pytest.mark.parametrize(
    "box",
    [
        (11, 6, 11, 20),
        (11, 6, 30, 6),
        (11, 6, 11.5, 20),
        (59.5, 6, 70, 20),  # half a pixel is left of it
    ],
)
def test_boxes_under_a_pixel_are_dropped_and_their_image_kept(voc, box, warnings):
    voc.add("a", [("dog", 1, 1, 9, 9), ("car", *box, 1), ("person", 1, 1, 5, 5)])
    voc.add("b", [("car", *box)])
    split = load(voc)
    assert split.offsets.tolist() == [0, 2, 2]
    assert split.labels.tolist() == [1, 2]
    assert split.difficult.tolist() == [False, False]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (("unicorn", 11, 6, 30, 20), "unknown class"),
        (("Car", 11, 6, 30, 20), "unknown class"),
        (("car", 30, 6, 11, 20), "inverted box"),
        (("car", 11, 20, 30, 6), "inverted box"),
        (("car", 61, 6, 70, 20), "box outside the image"),
        (("car", 11, 41, 30, 50), "box outside the image"),
        (("car", -20, 6, -1, 20), "box outside the image"),
    ],
)
def test_an_object_that_would_mislead_training_is_refused(voc, item, kind):
    voc.add("a", [CAR, item])
    voc.add("b", [CAR])
    with pytest.raises(UserError) as caught:
        load(voc)
    message = str(caught.value)
    assert message.startswith("1 problem")
    assert kind in message
    assert str(voc.xml("a")) in message
    assert "object 2" in message
    assert item[0] in message
    assert ", ".join(str(number) for number in item[1:]) in message  # as written in the XML
    assert str(voc.xml("b")) not in message


# Annotations that cannot be used


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<annotation><object>", "malformed XML"),
        ("", "malformed XML"),
        ("not XML at all", "malformed XML"),
        ("<annotation>" + object_in("") + "</annotation>", "object 1 has no usable <xmin>"),
        ("<annotation>" + object_in(box_xml(1, "x", 3, 4)) + "</annotation>", "<ymin>: 'x'"),
        ("<annotation>" + object_in(box_xml(1, 2, "nan", 4)) + "</annotation>", "<xmax>: 'nan'"),
        ("<annotation>" + object_in(box_xml(1, 2, 3, "inf")) + "</annotation>", "<ymax>: 'inf'"),
        ("<annotation>" + object_in(box_xml(1, 2, 3, 4), name=" ") + "</annotation>", "no <name>"),
        (
            "<annotation>"
            + object_in(box_xml(1, 2, 9, 9))
            + object_in(PARTS)  # the box of a part is not the object's
            + "</annotation>",
            "object 2 has no usable <xmin>",
        ),
    ],
)
def test_an_unusable_annotation_is_named(voc, text, says):
    voc.add("a")
    voc.xml("a").write_text(text)
    with pytest.raises(UserError, match="bad annotation") as caught:
        load(voc)
    assert str(voc.xml("a")) in str(caught.value)
    assert says in str(caught.value)
