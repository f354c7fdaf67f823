"""The false detections and misses to look at first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict
from yolox_ela.evaluate.overlap import box_areas
from yolox_ela.evaluate.rules import VOC_RULES
from yolox_ela.evaluate.scores import SplitScores
from yolox_ela.report.error_kinds import NO_ERROR, ErrorKind, Errors
from yolox_ela.report.page import Section, plain_list, plain_number
from yolox_ela.report.sheet import Cell, Mark, crop_window, plot_sheet, unreadable
from yolox_ela.report.style import PHOTOGRAPH_DPI, to_png

DETECTED, ANNOTATED = "#ff7f2a", "#56b4e9"  # also solid and dashed, for colour-blind readers
CASES = 50  # length of each list in report.json


@dataclass(frozen=True)
class FalsePositive:
    """A false detection.

    Attributes:
        image: position in the split.
        detection: row among the detections.
        label: the class index.
        score: the score in 0-1.
        kind: what is wrong with it.
        object: row of the object that it is about; None for background.
        overlap: IoU with that object, 0 without one.
    """

    image: int
    detection: int
    label: int
    score: float
    kind: ErrorKind
    object: int | None
    overlap: float


@dataclass(frozen=True)
class Miss:
    """An object that no detection found, or none with a score that is kept.

    Attributes:
        image: position in the split.
        object: row among the split's objects.
        label: the class index.
        area: the area of its box in square pixels.
        score: the score of the detection that found it; None if none did.
        mistaken: the row of the false detection about this object with the best score; None if
            there is none.
    """

    image: int
    object: int
    label: int
    area: float
    score: float | None
    mistaken: int | None


@dataclass(frozen=True)
class WorstCases:
    """The first entries of three lists.

    Attributes:
        false_positives: the false detections, best score first.
        never_found: the objects not found at any score, largest first.
        found_below: the objects found only below the score threshold, largest first.
    """

    false_positives: tuple[FalsePositive, ...]
    never_found: tuple[Miss, ...]
    found_below: tuple[Miss, ...]

    def to_json(self, detections: Detections, split: VocSplit) -> dict[str, Any]:
        """The lists as plain JSON values, with image ids, class names and boxes instead of rows."""

        def false_positive(case: FalsePositive) -> dict[str, Any]:
            return {
                "image": str(split.ids[case.image]),
                "class": split.classes[case.label],
                "score": plain_number(case.score),
                "box": plain_list(detections.boxes[case.detection]),
                "kind": case.kind.title,
                "object": None
                if case.object is None
                else {
                    "class": split.classes[split.labels[case.object]],
                    "box": plain_list(split.boxes[case.object]),
                    "iou": plain_number(case.overlap),
                },
            }

        def miss(case: Miss) -> dict[str, Any]:
            return {
                "image": str(split.ids[case.image]),
                "class": split.classes[case.label],
                "box": plain_list(split.boxes[case.object]),
                "area": plain_number(case.area),
                "score": None if case.score is None else plain_number(case.score),
                "mistaken": None
                if case.mistaken is None
                else {
                    "class": split.classes[detections.labels[case.mistaken]],
                    "score": plain_number(detections.scores[case.mistaken]),
                    "box": plain_list(detections.boxes[case.mistaken]),
                },
            }

        return {
            "false_positives": [false_positive(case) for case in self.false_positives],
            "never_found": [miss(case) for case in self.never_found],
            "found_below": [miss(case) for case in self.found_below],
        }


def worst_cases(
    detections: Detections,
    split: VocSplit,
    scores: SplitScores,
    errors: Errors,
    threshold: float,
    limit: int = CASES,
) -> WorstCases:
    """The worst false detections and misses.

    Args:
        detections: the split's detections.
        split: the images and objects.
        scores: `score_split(detections, split)`.
        errors: `find_errors(detections, split, scores)`.
        threshold: objects found only by detections with a lower score are in `found_below`.
        limit: the largest length of each list.
    """
    best_first = np.argsort(-detections.scores, kind="stable")
    false = best_first[errors.kinds[best_first] != NO_ERROR]
    mistaken: dict[int, int] = {}
    for row in false[::-1].tolist():  # the best one stays
        mistaken[int(errors.objects[row])] = row

    verdicts, matched = scores.verdicts()
    true = verdicts == Verdict.TRUE
    found_score = np.full(len(split.labels), np.nan)
    found_score[matched[true]] = detections.scores[true]
    below = np.zeros(len(split.labels), dtype=bool)
    below[matched[true]] = detections.scores[true] < threshold
    areas = box_areas(split.boxes, VOC_RULES)
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))

    def misses(selected: np.ndarray) -> tuple[Miss, ...]:
        rows = np.flatnonzero(selected)
        largest_first = rows[np.argsort(-areas[rows], kind="stable")]
        return tuple(
            Miss(
                image=int(images[row]),
                object=row,
                label=int(split.labels[row]),
                area=float(areas[row]),
                score=float(found_score[row]) if below[row] else None,
                mistaken=mistaken.get(row),
            )
            for row in largest_first[:limit].tolist()
        )

    return WorstCases(
        false_positives=tuple(
            FalsePositive(
                image=int(detections.images[row]),
                detection=row,
                label=int(detections.labels[row]),
                score=float(detections.scores[row]),
                kind=ErrorKind(int(errors.kinds[row])),
                object=int(errors.objects[row]) if errors.objects[row] >= 0 else None,
                overlap=float(errors.overlaps[row]),
            )
            for row in false[:limit].tolist()
        ),
        never_found=misses(errors.unfound),
        found_below=misses(below),
    )


def worst_section(
    worst: WorstCases,
    detections: Detections,
    split: VocSplit,
    threshold: float,
    *,
    images: int = 15,
) -> Section:
    """Crops of the worst false positives and misses as a part of a report.

    Args:
        worst: the lists of cases.
        detections: the split's detections.
        split: the images and objects.
        threshold: the score threshold that `worst` was made with.
        images: the number of cases of each list to show, at most.
    """
    sheets = {
        "worst_false_positives": false_positive_cells(
            worst.false_positives[:images], detections, split
        ),
        "worst_never_found": miss_cells(worst.never_found[:images], detections, split),
        "worst_found_below": miss_cells(worst.found_below[:images], detections, split),
    }
    titles = (
        "the false positives with the best scores",
        "the largest objects that no detection found",
        f"the largest objects found only by a detection that scores less than {threshold:.2f}",
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
        name: to_png(plot_sheet(sheet, 5), dpi=PHOTOGRAPH_DPI)
        for name, sheet in sheets.items()
        if sheet
    }
    title = "The worst false positives and misses"
    return Section(
        title,
        f"{text} {unreadable(cells)}",
        figures,
        numbers=worst.to_json(detections, split),
    )


def false_positive_cells(
    cases: Sequence[FalsePositive], detections: Detections, split: VocSplit
) -> list[Cell]:
    """A crop for each case, with the object that it is about, or why it cannot be read."""
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
    """A crop for each object, with the false detection about it, or why it cannot be read."""
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
