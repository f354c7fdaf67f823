"""The scores of a split together with what a report shows of the detections."""

import numpy as np
import pytest

from yolox_ela.evaluate.average_precision import all_points
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.scores import score_split

CAT, DOG = 0, 1
A, B = (10, 10, 50, 50), (100, 10, 140, 50)


def test_by_hand(build_split, build_detections):
    """VOC and COCO disagree on the second detection of the difficult object."""
    split = build_split([[(CAT, A), (CAT, B, True)]])
    rows = [(0, CAT, 0.9, B), (0, CAT, 0.8, B), (0, CAT, 0.7, A)]
    scores = score_split(build_detections(rows), split)
    assert (scores.ap50_voc07[CAT], scores.ap50[CAT]) == (1, 1)
    assert scores.ap50_95[CAT] == pytest.approx(0.5)
    assert np.isnan(scores.ap50[DOG])
    verdicts, objects = scores.verdicts()
    assert verdicts.tolist() == [Verdict.IGNORED, Verdict.IGNORED, Verdict.TRUE]
    assert objects.tolist() == [1, 1, 0]
    curve = scores.curve(CAT)
    assert (curve.precision.tolist(), curve.recall.tolist()) == ([1], [1])
    assert curve.scores.tolist() == [np.float32(0.7)]


def test_the_curve_is_the_one_behind_the_ap(random_case):
    split, found = random_case(5)
    scores = score_split(found, split)
    for label in range(3):
        curve = scores.curve(label)
        area = all_points(curve.precision, curve.recall)
        assert area == pytest.approx(scores.ap50[label], abs=1e-12)
