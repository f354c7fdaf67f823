"""Fixtures of the tests of data sets."""

import runpy

import pytest


@pytest.fixture(scope="session")
def formats(shared, tiny_voc, tmp_path_factory):
    """Sets of the same photographs and objects as people have them, by ../shared/cases."""
    make = runpy.run_path(str(shared / "cases" / "30-coco-and-yolo" / "make.py"))
    folder = tmp_path_factory.mktemp("formats") / "sets"
    make["build"](next(tiny_voc.rglob("VOC2007")), folder, make["handed"])
    return folder
