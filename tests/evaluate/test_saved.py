"""An evaluation comes back from its file as it was."""

import numpy as np
import pytest

from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings, score_detections
from yolox_ela.evaluate.saved import SavedEvaluation, load_evaluation, save_evaluation

NEWER = ("split.hashes", "split.stamps", "split.values", "split.pixels")


@pytest.fixture
def evaluation(build_split, build_detections):
    split = build_split([[(0, (10, 10, 50, 50))], [], [(1, (0, 0, 20, 20), True)]])
    detections = build_detections([(0, 0, 0.9, (10, 10, 52, 50)), (2, 1, 0.3, (1, 1, 20, 20))])
    results = score_detections(detections, split, EvalSettings(64, 0.01, 0.65), 1.5)
    return SavedEvaluation(detections, split, results)


def test_round_trip(evaluation, tmp_path):
    path = tmp_path / "evaluation.npz"
    save_evaluation(path, evaluation)
    again = load_evaluation(path)
    assert again.results == evaluation.results
    assert again.split.classes == evaluation.split.classes
    assert again.split.fingerprint() == evaluation.split.fingerprint()
    assert [str(p) for p in again.split.paths] == [str(p) for p in evaluation.split.paths]
    for name in ("images", "boxes", "scores", "labels"):
        mine, theirs = getattr(again.detections, name), getattr(evaluation.detections, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def test_files_of_versions_that_knew_less_of_images(evaluation, tmp_path):
    path = tmp_path / "evaluation.npz"
    save_evaluation(path, evaluation)
    with np.load(path) as arrays:
        older = {k: v for k, v in arrays.items() if k not in NEWER}
    assert len(older) == len(np.load(path).files) - len(NEWER)
    np.savez(path, **older)
    again = load_evaluation(path)
    assert again.split.labels_fingerprint() == evaluation.split.labels_fingerprint()
    assert (len(again.split.hashes), len(again.split.pixels)) == (0, 0)


def test_missing_and_damaged_files(evaluation, tmp_path):
    path = tmp_path / "evaluation.npz"
    with pytest.raises(UserError, match=r"no .*evaluation\.npz.*--report"):
        load_evaluation(path)
    save_evaluation(path, evaluation)
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"evaluation\.npz is damaged"):
            load_evaluation(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(UserError, match="no saved evaluation"):
        load_evaluation(path)
