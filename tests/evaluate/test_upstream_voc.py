"""AP of real detections on real photographs, against upstream's `voc_eval`, the field's formula."""

import numpy as np
import pytest
import torch

from studies.speed.synthetic import write_voc
from studies.speed.upstream_voc import UpstreamVoc
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.evaluate.comp4 import write_comp4
from yolox_ela.evaluate.evaluator import EvalSettings, detect_split
from yolox_ela.evaluate.scores import score_split
from yolox_ela.network.model import build_yolox


@pytest.fixture(scope="module")
def detected(tiny_voc, zero_shot_weights):
    """40 photographs, and what the COCO weights find in them.

    With so many a class reaches a recall of exactly three, six or seven tenths, where the field's
    sampling points differ from exact ones by a rounding error.
    """
    model = build_yolox(len(VOC_CLASSES))
    model.load_state_dict(zero_shot_weights)
    split = load_split(tiny_voc, ["2007/test"], VOC_CLASSES).subset(range(40))
    settings = EvalSettings(224, score_threshold=0.01, nms_iou=0.65)
    return split, detect_split(model, split, settings, device=torch.device("cpu"), workers=0)


def test_ap_is_what_voc_eval_prints(detected, tmp_path):
    """Over 11 points and over all points, to 1e-12."""
    split, found = detected
    scores = score_split(found, split)
    counted = np.flatnonzero(scores.voc.positives)
    write_voc(split, tmp_path)
    upstream = UpstreamVoc(tmp_path, split, found)
    threshold = np.array([0.5])
    for mine, use_07_metric in ((scores.ap50_voc07, True), (scores.ap50, False)):
        theirs = upstream.from_files(threshold, use_07_metric=use_07_metric)[0]
        np.testing.assert_allclose(mine[counted], theirs[counted], rtol=0, atol=1e-12)
    assert len(counted) > 10
    assert 0.3 < np.nanmean(scores.ap50_voc07) < 1


@pytest.mark.parametrize("use_07_metric", [True, False])
def test_voc_eval_reads_the_files_for_the_challenge(detected, tmp_path, use_07_metric):
    """The same AP as from the detections themselves; boxes are rounded to a millionth of a pixel.

    A class where nothing is found has an empty file.
    """
    split, found = detected
    scores = score_split(found, split)
    mine = scores.ap50_voc07 if use_07_metric else scores.ap50
    write_voc(split, tmp_path / "voc")
    upstream = UpstreamVoc(tmp_path / "voc", split, found)
    write_comp4(found, split, tmp_path / "comp4", "test")
    upstream.detection_path = str(tmp_path / "comp4" / "comp4_det_test_{:s}.txt")
    theirs = upstream.from_files(np.array([0.5]), use_07_metric=use_07_metric)[0]
    counted = np.flatnonzero(scores.voc.positives)
    np.testing.assert_allclose(mine[counted], theirs[counted], rtol=0, atol=1e-12)
