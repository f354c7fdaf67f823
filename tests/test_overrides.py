"""Recipe fields given as words."""

import re

import pytest
from yolox.data.datasets.coco_classes import COCO_CLASSES

from yolox_ela.commands.fields import fields_text
from yolox_ela.errors import UserError
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe


def test_many_classes_on_the_command_line():
    assert override(Recipe(), {"classes": ",".join(COCO_CLASSES)}).classes == COCO_CLASSES


def test_missing_class_file():
    with pytest.raises(UserError, match=r"clases\.txt"):
        override(Recipe(), {"classes": "clases.txt"}).validate()


def test_class_file_with_byte_order_mark(tmp_path):
    (tmp_path / "c.txt").write_text("cat\ndog\n", encoding="utf-8-sig")
    assert override(Recipe(), {"classes": str(tmp_path / "c.txt")}).classes == ("cat", "dog")


def test_field_twice():
    with pytest.raises(UserError, match="lr"):
        pairs_to_dict(["lr", "0.1", "lr", "0.2"])


def test_parentheses_in_a_class_name():
    assert override(Recipe(), {"classes": "bus,car (old)"}).classes == ("bus", "car (old)")


def test_both_ways_to_write_a_pair():
    words = ["lr=0.01", "epochs", "3", "name", "a=b", "classes=cat,dog"]
    expected = {"lr": "0.01", "epochs": "3", "name": "a=b", "classes": "cat,dog"}
    assert pairs_to_dict(words) == expected


@pytest.mark.parametrize("words", [["lr=0.1", "lr", "0.2"], ["seed", "1", "lr"]])
def test_pairs_that_are_none(words):
    with pytest.raises(UserError, match="lr"):
        pairs_to_dict(words)


def test_defaults_as_they_are_listed_can_be_typed():
    """`name = default  (rule)`, of every field."""
    shown = dict(re.findall(r"^  (\w+) = (.*?)  \(", "\n".join(fields_text()), re.M))
    assert shown.keys() == Recipe().to_dict().keys()
    assert override(Recipe(), shown).to_dict() == Recipe().to_dict() | {"attention": "none"}
