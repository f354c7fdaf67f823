"""The first training batches, exactly as the network gets them."""

import numpy as np

from yolox_ela.augment.loader import SampleKey, StepSampler, TrainDataset, steps_per_epoch
from yolox_ela.augment.multiscale import input_size, network_input
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.images.boxes import class_color
from yolox_ela.input_size import InputSize
from yolox_ela.recipe import Recipe
from yolox_ela.report.page import Section
from yolox_ela.report.sheet import Cell, Mark, plot_sheet, unreadable
from yolox_ela.report.style import PHOTOGRAPH_DPI, to_png


def training_section(recipe: Recipe, split: VocSplit, *, images: int = 12) -> Section:
    """The first batch of training, and the first without mosaic, as a part of a report.

    Args:
        recipe: the run's settings.
        split: the images that the run trained on.
        images: the largest number of images of each batch to show.
    """
    epochs = {"training_batch_first": 0}
    if recipe.final_epochs:
        epochs["training_batch_without_mosaic"] = recipe.epochs - recipe.final_epochs
    grids = {
        name: training_cells(recipe, split, epoch, images=images) for name, epoch in epochs.items()
    }
    batches = [
        f"epoch {epoch + 1} at {_input_size(recipe, split, epoch)} pixels"
        for epoch in epochs.values()
    ]
    text = (
        f"The first batch of {' and of '.join(batches)}, after augmentation and with the boxes "
        "that the loss is computed with. The last epochs are trained without mosaic."
    )
    cells = [cell for grid in grids.values() for cell in grid]
    figures = {
        name: to_png(plot_sheet(grid, 4), dpi=PHOTOGRAPH_DPI) for name, grid in grids.items()
    }
    return Section("Training batches", f"{text} {unreadable(cells)}", figures)


def training_cells(recipe: Recipe, split: VocSplit, epoch: int, *, images: int = 12) -> list[Cell]:
    """The first images of an epoch's first batch, exactly as the network gets them.

    Args:
        recipe: the run's settings; its seed decides all that is random.
        split: the images that the run trained on.
        epoch: the epoch, counted from 0.
        images: the largest number of images to show, at most a batch.

    Returns:
        A cell for each image; where a photograph cannot be read, the cell says why.
    """
    step = epoch * steps_per_epoch(len(split), recipe)
    keys = next(iter(StepSampler(len(split), recipe, start=step)))[:images]
    dataset, size = TrainDataset(split, recipe), input_size(step, recipe)
    return [_training_cell(dataset, key, size) for key in keys]


def _input_size(recipe: Recipe, split: VocSplit, epoch: int) -> InputSize:
    return input_size(epoch * steps_per_epoch(len(split), recipe), recipe)


def _training_cell(dataset: TrainDataset, key: SampleKey, size: InputSize) -> Cell:
    split = dataset.split
    try:
        batch = dataset[key]
    except UserError as error:
        return Cell(str(error), caption=str(split.ids[key.image]))
    (pixels,), (boxes,) = network_input(batch.images, batch.targets, size)
    image = pixels.permute(1, 2, 0).round().byte().numpy()
    marks = []
    for label, x, y, width, height in boxes[boxes[:, 3] > 0].numpy():
        box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        red, green, blue = class_color(int(label))
        color = (red / 255, green / 255, blue / 255)
        marks.append(Mark(box, color, split.classes[int(label)]))
    return Cell(image, marks, str(split.ids[key.image]))
