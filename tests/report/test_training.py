"""Training batches in a report: exactly those that the network gets."""

import numpy as np
import pytest

from yolox_ela.augment.loader import steps_per_epoch, train_loader
from yolox_ela.augment.multiscale import input_size
from yolox_ela.experiment import Experiment
from yolox_ela.overrides import override
from yolox_ela.report.training import training_cells, training_section

SETTINGS = {
    "image_size": 96,
    "batch_size": 4,
    "epochs": 3,
    "final_fraction": 0.33,
    "mosaic_prob": 1.0,
    "multiscale": 0.0,
    "workers": 0,
}


@pytest.fixture
def recipe():
    return override(Experiment(), SETTINGS)


def boxes_of(target):
    """(M, 5) padded targets -> (M, 4) corners."""
    _, x, y, width, height = target[target[:, 3] > 0].T
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


@pytest.mark.parametrize("epoch", [0, 2], ids=["mosaic", "final"])
def test_cells_are_the_batch_that_training_gets(sample_split, recipe, epoch):
    start = epoch * steps_per_epoch(len(sample_split), recipe)
    batch = next(iter(train_loader(sample_split, recipe, start=start)))
    cells = training_cells(recipe, sample_split, epoch)
    assert len(cells) == recipe.batch_size
    assert all(key.mosaic == (epoch == 0) for key in batch.keys)
    for cell, image, target in zip(cells, batch.images, batch.targets.numpy(), strict=True):
        np.testing.assert_array_equal(cell.image, image.permute(1, 2, 0))
        drawn = np.array([mark.box for mark in cell.marks]).reshape(-1, 4)
        np.testing.assert_allclose(drawn, boxes_of(target), atol=1e-4)
        assert [mark.label for mark in cell.marks] == [
            sample_split.classes[int(label)] for label in target[target[:, 3] > 0, 0]
        ]


def test_cells_have_the_size_that_the_step_is_trained_at(sample_split, recipe):
    plain = training_cells(recipe, sample_split, 0)
    # Seeds change the pictures too, so the size is chosen by how far it may vary.
    share = next(
        s
        for s in (0.4, 0.7, 1.0)
        if input_size(0, override(recipe, {"multiscale": s})).height != 96
    )
    varied = override(recipe, {"multiscale": share})
    size = input_size(0, varied)
    for cell, same in zip(training_cells(varied, sample_split, 0), plain, strict=True):
        assert cell.image.shape == (*size, 3)
        assert cell.image.dtype == np.uint8
        for mark, unscaled in zip(cell.marks, same.marks, strict=True):
            np.testing.assert_allclose(mark.box, unscaled.box * size.height / 96, rtol=1e-5)


def test_a_photograph_that_is_gone_leaves_a_note_and_no_more(damaged_split, recipe):
    cells = training_cells(recipe, damaged_split, 2)
    assert [isinstance(cell.image, str) for cell in cells].count(True) <= 1
    section = training_section(recipe, damaged_split)
    assert "lost.jpg" in section.text
    assert list(section.figures) == ["training_batch_first", "training_batch_without_mosaic"]


def test_a_run_of_one_epoch_has_no_last_epochs(sample_split, recipe):
    section = training_section(override(recipe, {"epochs": 1}), sample_split, images=1)
    assert list(section.figures) == ["training_batch_first"]
