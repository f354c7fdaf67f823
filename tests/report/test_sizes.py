"""Scores by the size of objects."""

import numpy as np
import pytest

from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.sizes import score_by_size

CAT, DOG = 0, 1
SMALL, MEDIUM, LARGE = (10, 10, 29, 29), (100, 10, 159, 69), (300, 10, 499, 209)


def test_by_hand(build_split, build_detections):
    """Each range counts its own objects and detections; the others do no harm."""
    split = build_split([[(CAT, SMALL), (CAT, MEDIUM), (DOG, MEDIUM, True), (DOG, LARGE)]])
    rows = [(0, CAT, 0.9, SMALL), (0, CAT, 0.8, (700, 10, 760, 70)), (0, CAT, 0.3, MEDIUM)]
    small, medium, large = score_by_size(build_detections(rows), split, threshold=0.5)
    assert (small.objects, small.ap50, small.recall, small.kept_recall) == (1, 1, 1, 1)
    assert (medium.objects, medium.ap50, medium.recall, medium.kept_recall) == (1, 0.5, 1, 0)
    assert (large.objects, large.classes, large.ap50, large.recall) == (1, 1, 0, 0)


def test_a_size_without_objects_has_no_score(build_split, build_detections):
    split = build_split([[(CAT, SMALL)]])
    large = score_by_size(build_detections([(0, CAT, 0.9, SMALL)]), split, 0.5)[2]
    assert (large.objects, large.classes) == (0, 0)
    assert np.isnan([large.ap50, large.recall, large.kept_recall]).all()
    assert large.to_json() == {
        "name": "large",
        "area_range": [96**2, None],
        "objects": 0,
        "classes": 0,
        "ap50": None,
        "recall": None,
        "kept_recall": None,
    }


@pytest.mark.parametrize("seed", range(5))
def test_recall_over_the_sizes_is_that_of_all(random_run, seed):
    split, found = random_run(seed)
    sizes = [size for size in score_by_size(found, split, 0.5) if size.objects]
    assert sum(size.objects for size in sizes) == (~split.difficult).sum()
    hits = sum(size.recall * size.objects for size in sizes)
    assert hits == pytest.approx(score_split(found, split).voc.true.sum())
