"""Segmentation: the mean IoU beside a slow reference, pixels that are ignored, unfit data."""

import numpy as np
import pytest
import tiny_data
import torch
from PIL import Image

from yolox_ela.datasets.masks import IGNORED, load_masks
from yolox_ela.errors import UserError
from yolox_ela.tasks.segmentation import confusion_matrix, scores_of

NAMES = ("background", "thing")


def slow_scores(truth, predicted, classes):
    """Intersection and union, class by class and pixel by pixel; the share of right pixels."""
    scores, right, all_pixels = [], 0, 0
    for label in range(classes):
        inter = union = 0
        for t, p in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
            if t == IGNORED:
                continue
            inter += t == label and p == label
            union += t == label or p == label
        if union:
            scores.append(inter / union)
        right += inter
    all_pixels = int((truth != IGNORED).sum())
    return sum(scores) / len(scores), right / all_pixels


@pytest.mark.parametrize("classes", [2, 5, 21])
def test_scores_beside_a_slow_reference(classes):
    """With ignored pixels, a class that is never true and, of 21, classes that never occur."""
    generator = np.random.default_rng(classes)
    truth = generator.integers(0, min(classes, 7), (3, 17, 13))
    truth[generator.random(truth.shape) < 0.2] = IGNORED
    truth[truth == 1] = 0
    predicted = generator.integers(0, min(classes, 9), truth.shape)
    parts = [confusion_matrix(t, p, classes) for t, p in zip(truth, predicted, strict=True)]
    scores = scores_of(sum(parts), tuple(map(str, range(classes))))
    miou, accuracy = slow_scores(truth, predicted, classes)
    assert scores["miou"] == pytest.approx(miou, abs=1e-15)
    assert scores["accuracy"] == pytest.approx(accuracy, abs=1e-15)
    assert sum(map(sum, scores["confusion"])) == int((truth != IGNORED).sum())


def test_nothing_but_ignored_pixels():
    counts = confusion_matrix(np.full((2, 2), IGNORED), np.zeros((2, 2), int), 2)
    assert counts.sum() == 0
    assert scores_of(counts, NAMES)["miou"] is None


def broken(root, change):
    mask = root / "SegmentationClass" / "train0.png"
    values = np.array(Image.open(mask))
    change(root, mask, values)
    return root


def value_three(root, mask, values):
    values[0, 0] = 3
    Image.fromarray(values).save(mask)


def other_size(root, mask, values):
    Image.fromarray(values[:-1]).save(mask)


def in_colour(root, mask, values):
    Image.fromarray(values).convert("RGB").save(mask)


def no_mask(root, mask, values):
    mask.unlink()


def damaged(root, mask, values):
    mask.write_bytes(mask.read_bytes()[:60])


def all_ignored(root, mask, values):
    for each in mask.parent.iterdir():
        Image.fromarray(np.full_like(values, 255)).save(each)


def set_list(content):
    def change(root, mask, values):
        (root / "ImageSets" / "Segmentation" / "train.txt").write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_list(b"train0\ntrain1\ntrain0\n"), "names train0 2 times"),
        (set_list(b"train0\nbl\xe5\n"), r"train\.txt is not UTF-8"),
        (all_ignored, "have no value but 255"),
        (value_three, "the value 3, which is none of the 2 classes"),
        (other_size, "40 x 35 pixels, and its photograph 40 x 36"),
        (in_colour, "mode RGB"),
        (no_mask, r"names train0, and there is no .*train0\.png"),
        (damaged, r"^1 images cannot be used:\n.*unreadable image .*train0\.png"),
    ],
)
def test_unfit_masks(tmp_path, change, said):
    root = broken(tiny_data.masks(tmp_path / "data"), change)
    with pytest.raises(UserError, match=said):
        load_masks(root, NAMES, "train", "val")


def test_missing_sets(data_of):
    with pytest.raises(UserError, match=r"no set 'test' of segmentation .*; it has train, val"):
        load_masks(data_of["segmentation"], NAMES, "train", "test")
    with pytest.raises(UserError, match="no masks of segmentation"):
        load_masks(data_of["classification"], NAMES, "train", "val")


def test_images_and_masks_stay_together(data_of):
    """However they are zoomed, cut and mirrored: what is bright is the thing."""
    from tiny_tasks import experiment

    exp = experiment("segmentation")
    photos, _ = exp.load(data_of["segmentation"])
    task = exp.task_of(exp, photos, photos, _Accelerator)
    sample, seen = task.augmented(photos), 0
    torch.manual_seed(0)
    for turn in range(12):
        image, mask = sample(turn % len(photos), training=True)
        assert image.shape == (3, 32, 32)
        assert mask.shape == (32, 32)
        bright = image.mean(0)
        if (mask == 1).sum() > 20 and (mask == 0).sum() > 20:
            seen += 1
            assert bright[mask == 1].mean() > bright[mask == 0].mean() + 1
    assert seen > 4


class _Accelerator:
    device = torch.device("cpu")
