"""Annotations: every dialect that labelling tools write, exact boxes, what is refused by name."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from reading import CAR, box_xml, load, object_in
from yolox.data.datasets.voc import AnnotationTransform

from yolox_ela.datasets.annotation import parse_annotation
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError

GOOD = object_in(box_xml(1, 1, 9, 9))
PARTS = "<part><name>head</name>" + box_xml(1, 1, 5, 5) + "</part>"


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(object_in(box_xml(11, 6, 30, 20)), id="no difficult"),
        pytest.param(object_in(box_xml("11.0", "6.0", "3e1", " 20.0 ")), id="decimals"),
        pytest.param(object_in(box_xml(11, 6, 30, 20), name="\n car "), id="spaces"),
        pytest.param(object_in(box_xml(11, 6, 30, 20), inside="<difficult/>"), id="empty tag"),
        pytest.param(
            object_in(box_xml(11, 6, 30, 20), inside="<difficult> FALSE </difficult>"), id="false"
        ),
        pytest.param(
            object_in(box_xml(11, 6, 30, 20) + "<polygon><x1>1</x1><y1>2</y1></polygon>"),
            id="box and polygon",
        ),
        pytest.param(
            object_in(
                box_xml(11, 6, 30, 20)
                + "<attributes><attribute><name>rotation</name><value>0.0</value></attribute>"
                "</attributes><point><x>3</x><y>4</y></point><actions><riding>0</riding></actions>"
            ),
            id="CVAT's attributes and VOC2012's points",
        ),
        pytest.param(
            object_in(
                box_xml(11, 6, 30, 20),
                inside="<deleted>0</deleted><occluded>no</occluded><ignore>false</ignore>"
                "<attributes/><parts><hasparts/><ispartof/></parts><angle>0.0</angle>",
            ),
            id="LabelMe's flags",
        ),
        pytest.param(
            object_in(box_xml(11, 6, 30, 20))
            .replace("<object>", '<object type="dict" id="3" deleted="false" xml:space="preserve">')
            .replace("<xmin>", '<xmin type="int">'),
            id="attributes that change nothing",
        ),
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


@pytest.mark.parametrize("value", ["1", " 1 ", "true", "True", "TRUE", "1.0"])
def test_every_spelling_of_difficult_is_read(voc, value):
    voc.add("a", [CAR])
    item = object_in(box_xml(11, 6, 30, 20), inside=f"<difficult>{value}</difficult>")
    voc.annotate("a", item)
    assert load(voc).difficult.tolist() == [True]


def test_a_namespace_is_as_if_it_were_not_there(voc, warnings):
    voc.add("a")
    plain = voc.xml("a").read_text()
    item = object_in(box_xml(11, 6, 30, 20))
    voc.xml("a").write_text(
        plain.replace("<annotation>", f'<annotation xmlns="http://example.org/voc">{item}')
    )
    voc.add("b")
    prefixed = plain.replace("<", "<v:").replace("<v:/", "</v:")
    inside = item.replace("<", "<v:").replace("<v:/", "</v:")
    voc.xml("b").write_text(
        prefixed.replace("<v:annotation>", f'<v:annotation xmlns:v="urn:voc">{inside}')
    )
    split = load(voc)
    assert split.boxes.tolist() == [[10, 5, 29, 19]] * 2
    assert warnings == []


def test_headers_of_other_tools_do_not_hide_that_an_image_has_no_objects(voc, warnings):
    voc.add("a")
    voc.annotate(
        "a",
        '<folder type="str">train</folder><filename>a.jpg</filename><path>C:\\data\\a.jpg</path>',
        "<source><database>Unknown</database><annotation>x</annotation></source>",
        "<owner><flickrid>1</flickrid></owner><segmented>0</segmented><weather>fog</weather>",
    )
    voc.add("b", [CAR])
    assert load(voc).offsets.tolist() == [0, 0, 1]
    assert warnings == []


# Encodings


@pytest.mark.parametrize(
    ("declared", "encoding", "letters"),
    [
        ("GBK", "gbk", "数据"),
        ("gb2312", "gb2312", "数据"),
        ("GB18030", "gb18030", "数据"),
        ("Big5", "big5", "資料"),
        ("Shift_JIS", "shift_jis", "日本"),
        ("EUC-JP", "euc_jp", "日本"),
        ("EUC-KR", "euc_kr", "한국"),
        ("windows-1251", "cp1251", "кот"),
        ("ISO-8859-1", "latin-1", "Grüße"),
        ("UTF-8", "utf-8", "数据"),
        ("utf8", "utf-8", "数据"),  # a name that expat does not know
        ("UTF-8", "utf-8-sig", "数据"),
        ("UTF-16", "utf-16", "数据"),
        (None, "utf-8", "数据"),
        (None, "utf-8-sig", "数据"),
        (None, "utf-16", "数据"),
    ],
)
def test_declared_encodings_are_read(voc, declared, encoding, letters):
    voc.add("a")
    item = object_in(box_xml(11, 6, 30, 20), name=letters)
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    text = f"{head}<annotation><folder>{letters}</folder>{item}</annotation>"
    voc.xml("a").write_bytes(text.encode(encoding))
    split = load_split(voc.root, ["2007/trainval"], (letters,))
    assert (split.labels.tolist(), split.boxes.tolist()) == ([0], [[10, 5, 29, 19]])


def test_names_are_the_same_however_their_letters_are_composed(voc):
    voc.add("a", [("cafe\u0301", 11, 6, 30, 20)])  # an e, and an accent of its own
    assert load_split(voc.root, ["2007/trainval"], ("caf\u00e9",)).labels.tolist() == [0]


BOMB = (
    "<!DOCTYPE a [<!ENTITY e0 'ha'>"
    + "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, 10))
    + "]><annotation><filename>&e9;</filename></annotation>"
)


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
        "<size><width>6_0</width><height>40</height></size>",
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
        (("car", 0.25, 0.1, 0.75, 0.5), "box not in pixels"),
        (("car", 0.25, 0.1, 1, 1), "box not in pixels"),
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
        ("<annotations/>", "no VOC annotation: the root is <annotations>"),
        ("<annotation><objects><item><name>dog</name></item></objects></annotation>", "<objects>"),
        (f"<annotation><objects>{GOOD}</objects></annotation>", "no VOC annotation: <objects>"),
        (f"<annotation>{GOOD}<Object><name>dog</name></Object></annotation>", "<Object>"),
        (f"<annotation>{GOOD}<item>{box_xml(1, 1, 9, 9)}</item></annotation>", "<item>"),
        ('<annotation><box label="dog" xtl="5" ytl="5"/></annotation>', "no VOC annotation: <box>"),
        (f"<annotation><annotation>{GOOD}</annotation></annotation>", "<annotation> may hold"),
        (f"<annotation>{object_in(box_xml(1, 1, 9, 9) + GOOD)}</annotation>", "inside another"),
        (
            f"<annotation>{object_in(box_xml(1, 1, 9, 9) * 2)}</annotation>",
            "object 1 has 2 <bndbox>; give each box an <object> of its own",
        ),
        (
            f"<annotation>{GOOD}{GOOD.replace('</name>', '</name><name>dog</name>')}</annotation>",
            "object 2 has 2 <name>",
        ),
        (
            f"<annotation>{GOOD.replace('<xmin>1', '<xmin>3</xmin><xmin>1')}</annotation>",
            "2 <xmin>",
        ),
        (f"<annotation>{'<size><width>60</width></size>' * 2}{GOOD}</annotation>", "2 <size>"),
        (
            f"<annotation>{object_in('<robndbox><cx>3</cx></robndbox>')}</annotation>",
            "object 1 has no usable <xmin>: it has no <bndbox>, but <robndbox>",
        ),
        (f"<annotation>{object_in('<polygon><pt/></polygon>')}</annotation>", "but <polygon>"),
        (
            "<annotation>"
            + object_in(
                box_xml(1, 1, 9, 9)
                + "<attributes><attribute><name>rotation</name><value>30</value></attribute>"
                "</attributes>"
            )
            + "</annotation>",
            "object 1 is rotated",
        ),
        *(
            (
                f"<annotation>{object_in(box_xml(1, 1, 9, 9), inside=tag)}</annotation>",
                f"object 1: <difficult> is '{value}', neither 0 nor 1",
            )
            for value in ("2", "yes", "Unspecified", "-1")
            for tag in [f"<difficult>{value}</difficult>"]
        ),
        *(
            (f"<annotation>{GOOD}{item}</annotation>", f"object 2: {says}")
            for item, says in [
                *(
                    (
                        object_in(box_xml(1, 1, 9, 9), inside=f"<{tag}>{value}</{tag}>"),
                        f"<{tag}> is '{value}', which is not understood",
                    )
                    for tag, value in [
                        ("deleted", "1"),
                        ("deleted", "yes"),
                        ("ignore", "true"),
                        ("iscrowd", "1"),
                        ("angle", "0.3"),
                        ("Deleted", "1"),
                    ]
                ),
                (
                    GOOD.replace("<object>", '<object deleted="true">'),
                    'deleted="true" in <object> is not understood',
                ),
                (GOOD.replace("<object>", '<object difficult="1">'), 'difficult="1" in <object>'),
                (GOOD.replace("<bndbox>", '<bndbox type="xywh">'), 'type="xywh" in <bndbox>'),
                (GOOD.replace("<xmin>", '<xmin unit="percent">'), 'unit="percent" in <xmin>'),
                (GOOD.replace("<name>", '<name lang="de">'), 'lang="de" in <name>'),
                (GOOD.replace("<xmin>", "<format>xywh</format><xmin>"), "<format> in its box"),
            ]
        ),
        *(
            (f"<annotation>{object_in(box_xml(1, 2, text, 4))}</annotation>", f"<xmax>: '{text}'")
            for text in ("1_00", "\u0663", "0x10", "3,5", "1 0")
        ),
        (BOMB, "malformed XML: limit on input amplification"),
        (
            b"<annotation><folder>\xca\xfd</folder></annotation>",
            "declares no encoding and is not utf",
        ),
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<annotation>\n\xca\xfd</annotation>',
            "declares the encoding UTF-8 and is not utf-8 (byte 0xca in line 3): save it as UTF-8",
        ),
        (
            b'<?xml version="1.0" encoding="shift_jis"?><annotation>\x81</annotation>',
            "declares the encoding shift_jis and is not shift_jis",
        ),
        (b'<?xml version="1.0" encoding="utf-16"?><annotation/>', "encoding specified"),
        (b'<?xml version="1.0" encoding="utf-nonsense"?><annotation/>', "unknown encoding"),
    ],
)
def test_an_unusable_annotation_is_named(voc, text, says):
    voc.add("a")
    voc.xml("a").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match="bad annotation") as caught:
        load(voc)
    assert str(voc.xml("a")) in str(caught.value)
    assert says in str(caught.value)
