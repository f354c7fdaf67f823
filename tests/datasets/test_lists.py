"""Lists of images: which image a line means, and which lines mean none."""

import unicodedata

import pytest
from reading import CAR, load

from yolox_ela.datasets.lists import IdSet, named_id
from yolox_ela.errors import UserError

VOC_IDS = ("000506", "000627", "000650")
KNOWN = IdSet(
    ["a", "b.v2", "photo of cat (1)", "cat 1", "cat", "cam1/a", "cam1/deep/c", "größe", *VOC_IDS]
)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("a", "a"),
        ("photo of cat (1)", "photo of cat (1)"),
        ("photo of cat (1).JPG", "photo of cat (1)"),
        ("photo of cat (1)  -1", "photo of cat (1)"),  # VOC's lists per class
        ("cat 1", "cat 1"),  # the whole line comes first
        ("cat -1", "cat"),
        ("cat  0", "cat"),
        ("a 12,30,40,50,3 0,0,1,1,7", "a"),  # lists for YOLO
        ("JPEGImages/a.jpg Annotations/a.xml", "a"),
        ("a.jpg", "a"),
        ("b.v2", "b.v2"),
        ("b.v2.png", "b.v2"),
        ("./a.jpg", "a"),
        (".\\a.jpg", "a"),
        ("JPEGImages\\a.jpg", "a"),
        ("data/VOC2007/JPEGImages/a.jpg", "a"),
        ("/home/me/images/a.jpeg", "a"),
        ("C:\\data\\images\\a.jpg", "a"),
        ("cam1/a", "cam1/a"),
        ("cam1\\a", "cam1/a"),
        ("data/JPEGImages/cam1/a.jpg", "cam1/a"),
        ("JPEGImages/cam1/deep/c.jpg", "cam1/deep/c"),
        (unicodedata.normalize("NFD", "größe"), "größe"),
        # What means none of them: another image must not be read in its place.
        ("b", None),
        ("A", None),
        ("photo of cat (2)", None),
        ("cat copy", None),
        ("a dog", None),
        ("cam2/a", None),  # an id, whose folder is a part of it
        ("cam1/cat.jpg", None),  # there are others in cam1
        ("data/VOC2012/JPEGImages/a.jpg", None),  # of another year
        ("a.txt", None),
        ("../a", None),
        # Several ids, or columns of which nobody knows what they mean.
        ("000506 000627 000650", None),
        ("000506 000627", None),
        ("000506\t000506", None),
        ("000506 1 1", None),
        ("000506 2", None),
        ("000506 1.5", None),
        ("000506 1,2", None),
        ("000506,000627", None),
        ("a.jpg b.xml", None),
        ("000506  1", "000506"),
        ("000506 -1", "000506"),
    ],
)
def test_the_image_that_a_line_means(line, meant):
    assert named_id(line, KNOWN, home="VOC2007") == meant


@pytest.mark.parametrize(("line", "meant"), [("7 1", None), ("7 0", "7"), ("1 1", None)])
def test_a_column_that_may_be_an_id(line, meant):
    """In a list of ids without leading zeros, 1 may be an image or a label."""
    assert named_id(line, IdSet(["7", "1"])) == meant


def test_split_files_and_folders_go_by_the_same_rules(voc, warnings):
    for folder in (voc.image("x").parent, voc.xml("x").parent):
        (folder / "cam1").mkdir()
    for image_id in ("a", "photo of cat (1)", "cam1/a", "b.v2", "größe"):
        voc.add(image_id, [CAR])
    decomposed = unicodedata.normalize("NFD", "größe")  # as macOS writes file names
    voc.image("größe").rename(voc.image(decomposed))
    voc.image("b.v2").rename(voc.image("b.v2", ".JPG"))
    voc.xml("a").rename(voc.xml("a").with_suffix(".XML"))
    (voc.image("x").parent / "._a.jpg").write_bytes(b"left by a Mac")
    split = load(voc)
    assert split.ids.tolist() == ["a", "photo of cat (1)", "cam1/a", "b.v2", "größe"]
    assert split.paths[2] == str(voc.image("cam1/a"))
    assert split.paths[4] == str(voc.image(decomposed))
    assert split.labels.tolist() == [0] * 5
    assert warnings == []


def test_a_line_that_is_more_than_an_id_is_read_and_said(voc, warnings):
    voc.add("a", [CAR])
    voc.add("b", [CAR])
    voc.split().write_bytes(b"data\\VOC2007\\JPEGImages\\a.jpg \r\nb.jpg\r\na 1\r\n")
    assert load(voc).ids.tolist() == ["a", "b"]
    (message,) = warnings
    assert r"line 1: 'data\VOC2007\JPEGImages\a.jpg' is read as a" in message
    assert "3 more than an id" in message
    assert "line 3: a, read once" in message


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("cam1/a.jpg\ncam2/a.jpg\n", "'cam2/a.jpg' and 'cam1/a.jpg' would both be a"),
        ("A\n", "id A; there is a"),
        ("a person\n", "id a person; there is a"),
        ("c.jpg\n", "JPEGImages/c.jpg"),
        ("a a a\n", "id a a a; there is a: one id a line"),
        ("a,a\n", "id a,a; there is a: one id a line"),
        ("000506 000506\n", "there is 000506: one id a line"),
        ("a 7\n", "id a 7; there is a: one id a line"),
        ("../JPEGImages/a\n", "missing image"),
    ],
)
def test_lines_whose_image_cannot_be_told_are_errors(voc, lines, says):
    voc.add("a", [CAR])
    voc.add("000506", [CAR])
    voc.split().write_text(lines)
    with pytest.raises(UserError) as caught:
        load(voc)
    assert says in str(caught.value)


def test_a_list_beside_its_folder_is_pointed_out(voc):
    voc.add("a", [CAR])
    voc.split().rename(voc.folder / "ImageSets" / "trainval.txt")
    with pytest.raises(UserError, match=r"there is .*ImageSets/trainval\.txt: move it into .*Main"):
        load(voc)


def test_two_files_for_an_id_are_an_error(voc):
    voc.add("a", [CAR])
    voc.add("b", [CAR])
    voc.xml("b").with_suffix(".XML").write_bytes(voc.xml("b").read_bytes())
    voc.image("a", ".PNG").write_bytes(voc.image("a").read_bytes())
    with pytest.raises(UserError) as caught:
        load(voc)
    assert "two images for an id" in str(caught.value)
    assert "two annotations for an id" in str(caught.value)
