"""Training batches as the network gets them, and crops of errors."""

import numpy as np
import pytest

from yolox_ela.augment.loader import steps_per_epoch, train_loader
from yolox_ela.augment.multiscale import input_size
from yolox_ela.datasets.sample import draw_sample
from yolox_ela.datasets.split import load_split
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.scores import score_split
from yolox_ela.experiment import Experiment
from yolox_ela.overrides import override
from yolox_ela.report.analysis import analyse
from yolox_ela.report.pictures import (
    crop_window,
    false_positive_cells,
    miss_cells,
    training_cells,
    training_section,
    worst_section,
)
from yolox_ela.report.sheet import Cell, Mark, draw_sheet, unreadable

SETTINGS = {
    "image_size": 96,
    "batch_size": 4,
    "epochs": 3,
    "final_fraction": 0.33,
    "mosaic_prob": 1.0,
    "multiscale": 0.0,
    "workers": 0,
}


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    root = draw_sample(tmp_path_factory.mktemp("sample"), train_images=8, test_images=8)
    return load_split(root, ["2007/trainval"], Experiment().classes)


@pytest.fixture
def recipe():
    return override(Experiment(), SETTINGS)


@pytest.fixture
def damaged(split, tmp_path):
    """The split without the file of its first image."""
    paths = split.paths.copy().astype(object)
    paths[0] = str(tmp_path / "lost.jpg")
    return type(split)(**{**vars(split), "paths": paths})


def boxes_of(target):
    """(M, 5) padded targets -> (M, 4) corners."""
    _, x, y, width, height = target[target[:, 3] > 0].T
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


@pytest.mark.parametrize("epoch", [0, 2], ids=["mosaic", "final"])
def test_cells_are_the_batch_that_training_gets(split, recipe, epoch):
    start = epoch * steps_per_epoch(len(split), recipe)
    batch = next(iter(train_loader(split, recipe, start=start)))
    cells = training_cells(recipe, split, epoch)
    assert len(cells) == recipe.batch_size
    assert all(key.mosaic == (epoch == 0) for key in batch.keys)
    for cell, image, target in zip(cells, batch.images, batch.targets.numpy(), strict=True):
        np.testing.assert_array_equal(cell.image, image.permute(1, 2, 0))
        drawn = np.array([mark.box for mark in cell.marks]).reshape(-1, 4)
        np.testing.assert_allclose(drawn, boxes_of(target), atol=1e-4)
        assert [mark.label for mark in cell.marks] == [
            split.classes[int(label)] for label in target[target[:, 3] > 0, 0]
        ]


def test_cells_have_the_size_that_the_step_is_trained_at(split, recipe):
    plain = training_cells(recipe, split, 0)
    # Seeds change the pictures too, so the size is chosen by how far it may vary.
    share = next(
        s for s in (0.4, 0.7, 1.0) if input_size(0, override(recipe, {"multiscale": s})) != 96
    )
    varied = override(recipe, {"multiscale": share})
    side = input_size(0, varied)
    for cell, same in zip(training_cells(varied, split, 0), plain, strict=True):
        assert cell.image.shape == (side, side, 3)
        assert cell.image.dtype == np.uint8
        for mark, unscaled in zip(cell.marks, same.marks, strict=True):
            np.testing.assert_allclose(mark.box, unscaled.box * side / 96, rtol=1e-5)


def test_a_photograph_that_is_gone_leaves_a_note_and_no_more(damaged, recipe):
    cells = training_cells(recipe, damaged, 2)
    assert [isinstance(cell.image, str) for cell in cells].count(True) <= 1
    section = training_section(recipe, damaged)
    assert "lost.jpg" in section.text
    assert list(section.figures) == ["training_batch_first", "training_batch_without_mosaic"]


def test_a_run_of_one_epoch_has_no_last_epochs(split, recipe):
    section = training_section(override(recipe, {"epochs": 1}), split, images=1)
    assert list(section.figures) == ["training_batch_first"]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((400, 300, 500, 350), (370, 245, 530, 405)),  # in the middle: 1.6 times the longer side
        ((0, 0, 100, 50), (0, 0, 160, 160)),  # moved inside
        ((950, 700, 1000, 750), (920, 670, 1000, 750)),
        ((500, 300, 504, 302), (470, 269, 534, 333)),  # at least 64 pixels
        ((0, 0, 1000, 750), (0, 0, 1000, 750)),  # no larger than the image
    ],
)
def test_crops_lie_inside_the_image_around_their_box(box, expected):
    assert crop_window([np.array(box)], (1000, 750)) == expected


def test_a_crop_holds_both_boxes():
    x1, y1, x2, y2 = crop_window(
        [np.array([0, 0, 9, 9]), np.array([300, 90, 340, 100])], (800, 600)
    )
    assert x1 <= 0
    assert y1 <= 0
    assert x2 >= 340
    assert y2 >= 100


@pytest.fixture
def analysis(split):
    """One object found, one given another class, one detection on nothing, all others missed."""
    first, second = 0, 1
    wrong = (split.labels[second] + 1) % len(split.classes)
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))
    detections = Detections(
        images=np.array([images[first], images[second], 0]),
        boxes=np.array([split.boxes[first], split.boxes[second], [0, 0, 9, 9]], np.float32),
        scores=np.array([0.9, 0.8, 0.7], np.float32),
        labels=np.array([split.labels[first], wrong, split.labels[first]]),
    )
    return analyse(detections, split, score_split(detections, split))


def test_captions_say_what_is_wrong(analysis):
    split, worst = analysis.split, analysis.worst
    name, wrong = split.classes[split.labels[1]], split.classes[(split.labels[1] + 1) % 20]
    confused, background = false_positive_cells(worst.false_positives, analysis.detections, split)
    assert confused.caption.startswith(f"{wrong} 0.80: classification\nIoU 1.00 with {name}")
    assert [mark.dashed for mark in confused.marks] == [True, False]
    assert "background\non no annotated object" in background.caption
    assert len(background.marks) == 1
    captions = [c.caption for c in miss_cells(worst.never_found, analysis.detections, split)]
    assert any(c.startswith(f"{name}: not found\ntaken for {wrong} 0.80") for c in captions)
    assert any("no false detection about it" in caption for caption in captions)
    assert all(caption.splitlines()[-1] in split.ids for caption in captions)


def test_the_section_of_errors_survives_a_lost_photograph(analysis, damaged):
    lost = type(analysis)(**{**vars(analysis), "split": damaged})
    section = worst_section(lost, images=2)
    assert list(section.figures) == ["worst_false_positives", "worst_never_found"]
    assert "lost.jpg" in section.text
    assert all(png.startswith(b"\x89PNG") for png in section.figures.values())


def test_a_sheet_shows_the_window_with_its_boxes_and_captions():
    image = np.zeros((50, 100, 3), np.uint8)
    image[:, :, 0] = 255  # blue in BGR
    mark = Mark(np.array([10, 10, 30, 40]), "red", "cat", dashed=True)
    figure = draw_sheet(
        [Cell(image, [mark], "first", (0, 0, 50, 50)), Cell("gone", caption="b")], 4
    )
    shown, missing = figure.axes
    assert shown.images[0].get_array()[0, 0].tolist() == [0, 0, 255]  # RGB
    assert shown.images[0].get_array().shape == (50, 50, 3)
    assert shown.patches[0].get_bbox().bounds == (10, 10, 20, 30)
    assert [text.get_text() for text in shown.texts] == ["cat"]
    assert [text.get_text() for text in missing.texts] == ["gone"]
    assert [text.get_text() for text in figure.texts] == ["first", "b"]


def test_missing_pictures_are_counted_with_the_first_reason():
    assert unreadable([Cell(np.zeros((2, 2, 3), np.uint8))]) == ""
    assert "2 (first: lost a)" in unreadable([Cell("lost a"), Cell("lost b")])
