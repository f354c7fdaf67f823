"""xml_counts_from: VOC's XML whose first column and row of pixels have the number 0."""

import shutil

import pytest
from voc_files import VocWriter

from yolox_ela.commands.data_settings import open_as
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import check_command, load_split
from yolox_ela.recipe import Recipe

ZERO = Recipe(xml_counts_from=0)
BOXES = [(1, 1, 30, 20), (5, 3, 60, 40), (2, 1, 9, 9)]  # counted from 1, in 60x40 pixels
SET = "2007/trainval"


@pytest.fixture
def both(tmp_path):
    """The same objects, counted from 1 and from 0, as VOCdevkits."""
    roots = []
    for first in (1, 0):
        root = tmp_path / f"from{first}"
        voc = VocWriter(root)
        voc.add("a", [("car", *(corner - 1 + first for corner in box)) for box in BOXES])
        roots.append(root)
    return roots


def flat(root, to):
    """The images and XML in one folder, as labelImg writes them."""
    to.mkdir()
    for path in (*root.rglob("*.jpg"), *root.rglob("*.xml")):
        shutil.copy(path, to)
    return to


@pytest.mark.parametrize("layout", ["VOCdevkit", "one folder"])
def test_the_same_boxes_either_way(both, tmp_path, layout, warnings):
    one, zero = both
    name = SET
    if layout == "one folder":
        one, zero = flat(one, tmp_path / "flat1"), flat(zero, tmp_path / "flat0")
        name = "all"
    expected = load_split(open_as(Recipe(), one), [name], ["car"])
    found = load_split(open_as(ZERO, zero), [name], ["car"])
    assert found.boxes.tolist() == expected.boxes.tolist()
    assert found.boxes[0].tolist() == [0, 0, 29, 19]
    assert warnings == []


def test_the_hint_names_the_field_and_goes_with_it(both):
    _, zero = both
    report = check_dataset(open_as(Recipe(), zero), [SET], ["car"])
    (detail,) = [p.detail for p in report.problems if p.kind == "counted from 0"]
    assert "if they count from 0, add xml_counts_from 0" in detail
    assert check_dataset(open_as(ZERO, zero), [SET], ["car"]).problems == []


def test_messages_have_the_numbers_of_the_file(voc):
    voc.add("a", [("car", 0, 0, 75, 20), ("car", 5, 5, 9, 9)])
    (problem,) = check_dataset(open_as(ZERO, voc.root), [SET], ["car"]).problems
    assert problem.detail.startswith("object 1, car at 0, 0, 75, 20 in 60x40")


def test_the_advised_command_reads_alike(both):
    command = check_command(open_as(ZERO, both[1]), [SET], ["car"])
    assert command.endswith(f"--sets {SET} xml_counts_from 0 classes car,")


def test_other_formats_say_it_themselves(formats, warnings):
    """A word, and the boxes as they were."""
    found = load_split(
        open_as(ZERO, formats / "coco"), ["test2017"], ["person"], ignore_others=True
    )
    same = load_split(formats / "coco", ["test2017"], ["person"], ignore_others=True)
    assert found.boxes.tolist() == same.boxes.tolist()
    assert [text for text in warnings if "xml_counts_from" in text] == [
        f"xml_counts_from has no effect on {formats / 'coco'} (COCO JSON)"
    ]
