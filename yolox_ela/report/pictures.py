"""Photographs in a report: training batches as the network saw them, and the worst errors."""

from collections.abc import Sequence

import numpy as np

from yolox_ela.augment.loader import SampleKey, StepSampler, TrainDataset, steps_per_epoch
from yolox_ela.augment.multiscale import input_size, network_input
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.images.boxes import class_color
from yolox_ela.recipe import Recipe
from yolox_ela.report.analysis import Analysis
from yolox_ela.report.page import Section
from yolox_ela.report.sheet import Cell, Mark, draw_sheet, unreadable
from yolox_ela.report.style import to_png
from yolox_ela.report.worst import FalsePositive, Miss

DETECTED, ANNOTATED = "#ff7f2a", "#56b4e9"  # solid and dashed, so not by colour alone
CONTEXT = 1.6  # side of a crop to the longer side of the boxes in it
LEAST_CROP = 64  # pixels
DPI = 110  # of photographs, whose PNGs are large


def training_section(recipe: Recipe, split: VocSplit, *, images: int = 12) -> Section:
    """The first batch of training, and the first without mosaic, as a part of a report.

    Args:
        recipe: of the run.
        split: the images that it trained on.
        images: how many of each batch to show, at most.
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
    figures = {name: to_png(draw_sheet(grid, 4), dpi=DPI) for name, grid in grids.items()}
    return Section("Training batches", f"{text} {unreadable(cells)}", figures)


def training_cells(recipe: Recipe, split: VocSplit, epoch: int, *, images: int = 12) -> list[Cell]:
    """The first images of an epoch's first batch, exactly as the network gets them.

    Args:
        recipe: of the run; its seed decides all that is random.
        split: the images that it trained on.
        epoch: counted from 0.
        images: how many to show, at most a batch.

    Returns:
        A cell for each; one whose photographs cannot be read says so.
    """
    step = epoch * steps_per_epoch(len(split), recipe)
    keys = next(iter(StepSampler(len(split), recipe, start=step)))[:images]
    dataset, side = TrainDataset(split, recipe), input_size(step, recipe)
    return [_training_cell(dataset, key, side) for key in keys]


def worst_section(analysis: Analysis, *, images: int = 15) -> Section:
    """Crops of the worst false positives and misses as a part of a report.

    Args:
        analysis: of a split's detections; its threshold parts what is found from what is missed.
        images: how many of each list to show, at most.
    """
    worst, detections, split = analysis.worst, analysis.detections, analysis.split
    false_positives = worst.false_positives[:images]
    threshold = f"{analysis.kept.threshold:.2f}"
    sheets = {
        "worst_false_positives": false_positive_cells(false_positives, detections, split),
        "worst_never_found": miss_cells(worst.never_found[:images], detections, split),
        "worst_found_below": miss_cells(worst.found_below[:images], detections, split),
    }
    titles = (
        "the false positives with the best scores",
        "the largest objects that no detection found",
        f"the largest objects found only by a detection that scores less than {threshold}",
    )
    shown = [title for title, cells in zip(titles, sheets.values(), strict=True) if cells]
    text = "There are none."
    if shown:
        text = (
            f"In this order: {'; '.join(shown)}. Solid boxes are detections, dashed ones "
            "annotated objects. Difficult objects are not counted as missed."
        )
    cells = [cell for sheet in sheets.values() for cell in sheet]
    figures = {
        name: to_png(draw_sheet(sheet, 5), dpi=DPI) for name, sheet in sheets.items() if sheet
    }
    title = "The worst false positives and misses"
    return Section(title, f"{text} {unreadable(cells)}", figures)


def false_positive_cells(
    cases: Sequence[FalsePositive], detections: Detections, split: VocSplit
) -> list[Cell]:
    """A crop for each, with the object that it is about; one that cannot be read says so."""
    cells = []
    for case in cases:
        marks = [_detected(detections, case.detection)]
        about = "on no annotated object"
        if case.object is not None:
            marks.insert(0, _annotated(split, case.object))
            about = f"IoU {case.overlap:.2f} with {_class_of(split, case.object)}"
        caption = f"{split.classes[case.label]} {case.score:.2f}: {case.kind.title}\n{about}"
        cells.append(_crop(split, case.image, marks, caption))
    return cells


def miss_cells(cases: Sequence[Miss], detections: Detections, split: VocSplit) -> list[Cell]:
    """A crop for each, with the false detection about it; one that cannot be read says so."""
    cells = []
    for case in cases:
        marks = [_annotated(split, case.object)]
        found = "not found" if case.score is None else f"found with {case.score:.2f}"
        about = "no false detection about it"
        if case.mistaken is not None:
            marks.append(_detected(detections, case.mistaken))
            label = detections.labels[case.mistaken]
            what = "box misplaced" if label == case.label else f"taken for {split.classes[label]}"
            about = f"{what} {detections.scores[case.mistaken]:.2f}"
        caption = f"{split.classes[case.label]}: {found}\n{about}"
        cells.append(_crop(split, case.image, marks, caption))
    return cells


def crop_window(
    boxes: Sequence[np.ndarray], size: tuple[int, int] | np.ndarray
) -> tuple[int, int, int, int]:
    """A square around boxes with some context, moved and cut so as to lie inside the image.

    Args:
        boxes: (4,) x1, y1, x2, y2 each.
        size: width and height of the image.

    Returns:
        x1, y1, x2, y2 in whole pixels.
    """
    corners = np.stack(boxes)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    side = max(LEAST_CROP, CONTEXT * float((high - low).max()))
    window = []
    for middle, length in zip((low + high) / 2, size, strict=True):
        extent = min(side, float(length))
        start = min(max(0.0, middle - extent / 2), length - extent)
        window.append((int(start), min(int(length), int(np.ceil(start + extent)))))
    (x1, x2), (y1, y2) = window
    return x1, y1, x2, y2


def _input_size(recipe: Recipe, split: VocSplit, epoch: int) -> int:
    return input_size(epoch * steps_per_epoch(len(split), recipe), recipe)


def _training_cell(dataset: TrainDataset, key: SampleKey, side: int) -> Cell:
    split = dataset.split
    try:
        batch = dataset[key]
    except UserError as error:
        return Cell(str(error), caption=str(split.ids[key.image]))
    (pixels,), (boxes,) = network_input(batch.images, batch.targets, side)
    image = pixels.permute(1, 2, 0).round().byte().numpy()
    marks = []
    for label, x, y, width, height in boxes[boxes[:, 3] > 0].numpy():
        box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        red, green, blue = class_color(int(label))
        color = (red / 255, green / 255, blue / 255)
        marks.append(Mark(box, color, split.classes[int(label)]))
    return Cell(image, marks, str(split.ids[key.image]))


def _crop(split: VocSplit, image: int, marks: Sequence[Mark], caption: str) -> Cell:
    caption += f"\n{split.ids[image]}"
    try:
        pixels = split.read(image)
    except UserError as error:
        return Cell(str(error), caption=caption)
    window = crop_window([mark.box for mark in marks], split.sizes[image])
    return Cell(pixels, marks, caption, window)


def _detected(detections: Detections, row: int) -> Mark:
    return Mark(detections.boxes[row], DETECTED)


def _annotated(split: VocSplit, row: int) -> Mark:
    return Mark(split.boxes[row], ANNOTATED, dashed=True)


def _class_of(split: VocSplit, row: int) -> str:
    return split.classes[split.labels[row]] + (" (difficult)" if split.difficult[row] else "")
