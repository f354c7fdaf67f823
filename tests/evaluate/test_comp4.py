"""The files for the server of the VOC challenge; upstream reads them in test_upstream_voc.py."""

from dataclasses import replace

import numpy as np
import pytest

from yolox_ela.errors import UserError
from yolox_ela.evaluate.comp4 import write_comp4


def test_a_file_for_each_class_with_boxes_counted_from_1(build_split, build_detections, tmp_path):
    split = build_split([[], [], []], classes=("cat", "dog", "cow"))
    found = build_detections(
        [(0, 1, 0.9, (0, 0, 99, 49.5)), (2, 1, 0.25, (1, 2, 3, 4)), (2, 0, 0.012345, (5, 6, 7, 8))]
    )
    paths = write_comp4(found, split, tmp_path / "new" / "results", "test")
    assert [p.name for p in paths] == [f"comp4_det_test_{c}.txt" for c in ("cat", "dog", "cow")]
    lines = [path.read_text().splitlines() for path in paths]
    assert lines[0] == ["000002 0.012345 6.000000 7.000000 8.000000 9.000000"]
    assert lines[1] == [
        "000000 0.9 1.000000 1.000000 100.000000 50.500000",
        "000002 0.25 2.000000 3.000000 4.000000 5.000000",
    ]
    assert lines[2] == []


BAD = [
    ({"classes": ("a/b", "dog", "cow")}, "test", "which 'a/b' cannot be"),
    ({}, "a/b", "without a slash"),
    ({"id": "two words"}, "test", "image 'two words' has one"),
]


@pytest.mark.parametrize(("options", "name", "says"), BAD)
def test_names_that_the_files_cannot_hold(
    build_split, build_detections, tmp_path, options, name, says
):
    split = build_split([[]], classes=options.get("classes", ("cat", "dog", "cow")))
    split = replace(split, ids=np.array([options.get("id", "000000")]))
    with pytest.raises(UserError, match=says):
        write_comp4(build_detections([(0, 0, 0.5, (1, 2, 3, 4))]), split, tmp_path / "out", name)
    assert not (tmp_path / "out").exists()
