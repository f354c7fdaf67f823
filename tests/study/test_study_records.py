"""What is kept of a run: small, and its scores can be computed again."""

from contextlib import suppress

import numpy as np
import pytest

from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.study.records import Record, keep_objects, load_objects, load_record, save_record


@pytest.fixture(scope="module")
def crowded(build_split):
    """300 images with three objects each, and around them detections whose scores nearly tie."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 800, (300, 3, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(20, 180, (300, 3, 2))], axis=2)
    split = build_split([[(int(rng.integers(3)), box) for box in image] for image in boxes])
    near = np.repeat(boxes.reshape(-1, 4), 5, axis=0)
    near = near + rng.normal(0, 8, near.shape)
    found = Detections(
        images=np.repeat(np.arange(300), 15),
        boxes=near.astype(np.float32),
        scores=(0.5 + rng.permutation(len(near)) / 1e5).astype(np.float32),
        labels=np.repeat(split.labels, 5),
    )
    return split, found


def test_scores_survive(tmp_path, crowded):
    """Though scores are rounded until many are equal."""
    split, found = crowded
    save_record(tmp_path / "run.npz", Record({"lr": "0.1"}, None, found))
    record = load_record(tmp_path / "run.npz")
    assert (record.asked, record.row) == ({"lr": "0.1"}, None)
    order = np.argsort(-found.scores)
    assert len(np.unique(record.detections.scores)) < len(order) / 5
    np.testing.assert_array_equal(record.detections.images, found.images[order])
    np.testing.assert_array_equal(record.detections.labels, found.labels[order])
    assert np.abs(record.detections.boxes - found.boxes[order]).max() <= 1 / 1024
    before, after = score_split(found, split), score_split(record.detections, split)
    for metric in METRICS:
        difference = getattr(after, metric).mean() - getattr(before, metric).mean()
        assert abs(difference) < 5e-5, metric
    assert (tmp_path / "run.npz").stat().st_size < 13 * len(found)


def test_no_detections(tmp_path, build_detections):
    save_record(tmp_path / "run.npz", Record({}, None, build_detections([])))
    assert len(load_record(tmp_path / "run.npz").detections) == 0


def test_runs_must_be_scored_on_the_same_objects(tmp_path, crowded):
    split, found = crowded
    path = tmp_path / "objects.npz"
    keep_objects(path, SavedEvaluation(found, split, {}))
    assert load_objects(path).labels_fingerprint() == split.labels_fingerprint()
    with pytest.raises(UserError, match="scored on other images or objects"):
        keep_objects(path, SavedEvaluation(found, split.subset(range(299)), {}))


def test_damaged(tmp_path):
    (tmp_path / "run.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match="is damaged"):
        load_record(tmp_path / "run.npz")


def test_files_with_changed_bytes(tmp_path, crowded):
    """They are read, where the byte means nothing, or refused in one message."""
    split, found = crowded
    save_record(tmp_path / "run.npz", Record({"lr": "0.1"}, None, found))
    keep_objects(tmp_path / "objects.npz", SavedEvaluation(found, split, {}))
    rng = np.random.default_rng(0)
    for name, load in (("run.npz", load_record), ("objects.npz", load_objects)):
        path, refused = tmp_path / name, 0
        content = path.read_bytes()
        for _ in range(40):
            changed = bytearray(content)
            for at in rng.integers(0, len(content), 3):
                changed[at] ^= 255
            path.write_bytes(changed)
            with suppress(UserError):
                load(path)
                refused -= 1
            refused += 1
        assert refused > 30


def test_content_that_cannot_be(tmp_path, crowded):
    _, found = crowded
    path = tmp_path / "run.npz"
    save_record(path, Record({"lr": "0.1"}, None, found))
    arrays = dict(np.load(path))
    for changes, said in (
        ({"about": np.array('{"asked": 5, "row": null}')}, "'asked' must be a mapping"),
        ({"about": np.array("[" * 50_000)}, "recursion"),
        ({"scores": np.full(len(found), np.nan, np.float16)}, "scores are not from 0 to 1"),
        ({"labels": arrays["labels"][:5]}, "labels is not an array of shape"),
    ):
        np.savez(path, **arrays | changes)
        with pytest.raises(UserError, match=said):
            load_record(path)
