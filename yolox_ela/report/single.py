"""The report of one run, or of one evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.evaluate.scores import METRICS, score_split
from yolox_ela.network.model import YoloxNano
from yolox_ela.recipe import Recipe
from yolox_ela.report.analysis import Analysis, analyse
from yolox_ela.report.curves import curves_section
from yolox_ela.report.drawing import draw_analysis
from yolox_ela.report.gates import gates_section
from yolox_ela.report.page import Section, Table, write_report
from yolox_ela.report.pictures import training_section, worst_section
from yolox_ela.report.style import to_png

# What the pictures of an analysis show: title, explanation, and the part of the numbers.
PARTS = {
    "ap_per_class": (
        "Average precision of each class",
        "AP50 by VOC's rules over 11 points, and AP50:95 by COCO's; lines are the means.",
        "ap_per_class",
    ),
    "precision_recall": (
        "Precision and recall",
        "At IoU 0.5 by VOC's rules. Read from the right: as the score threshold rises, fewer "
        "objects are found and fewer detections are false.",
        "precision_recall",
    ),
    "f1": (
        "Choosing a score threshold",
        "Precision, recall and F1, their harmonic mean, of all classes together if only "
        "detections from this score on are kept. The best F1 is marked; the parts below that need "
        "one threshold use it.",
        "thresholds",
    ),
    "f1_per_class": ("The best threshold of each class", "", None),
    "confusion": (
        "What is taken for what",
        "Each row is shared out over what its objects were detected as, in percent; the last "
        "column has the objects that were missed, the last row the detections of nothing.",
        "confusion",
    ),
    "sizes": (
        "Small, medium and large objects",
        "By COCO's bounds: areas of 32 x 32 and 96 x 96 pixels of the original photograph.",
        "sizes",
    ),
    "errors": (
        "Errors by kind",
        "As TIDE defines them (arXiv 2008.08115), and the AP50 that mending all of one kind would "
        "give. Costs do not add up: mending one kind changes what another costs.",
        "errors",
    ),
}


@dataclass(frozen=True)
class RunMaterial:
    """What else is known of a run; each part that is there adds to the report.

    Args:
        history: rows of metrics.csv.
        recipe: with `train_split`, for the pictures of training batches.
        train_split: the images that it trained on.
        model: the network, for what its gates attend to.
    """

    history: Sequence[Mapping[str, Any]] = ()
    recipe: Recipe | None = None
    train_split: VocSplit | None = None
    model: YoloxNano | None = None


def write_single_report(
    folder: Path,
    title: str,
    facts: Mapping[str, Any],
    evaluation: SavedEvaluation,
    material: RunMaterial,
) -> Path:
    """Write report.html, the pictures and the numbers; see `write_report`.

    Raises:
        UserError: the folder cannot be written.
    """
    results = evaluation.results
    scores = score_split(evaluation.detections, evaluation.split)
    analysis = analyse(evaluation.detections, evaluation.split, scores)
    sections = [_scores_section(results)]
    if material.history:
        sections.append(curves_section({title: material.history}))
    sections += _analysis_sections(analysis)
    sections.append(worst_section(analysis))
    if material.recipe is not None and material.train_split is not None:
        sections.append(training_section(material.recipe, material.train_split))
    if material.model is not None:
        size = results["settings"]["image_size"]
        sections.append(gates_section(material.model, evaluation.split, size))
    return write_report(folder, title, {**facts, **_conditions(results)}, sections)


def _scores_section(results: Mapping[str, Any]) -> Section:
    counts = ("objects", "difficult", "detections")
    rows = [
        [name, *(_percent(row[metric]) for metric in METRICS), *(row[count] for count in counts)]
        for name, row in [*results["per_class"].items(), ("mean, sum", results)]
    ]
    absent = ", ".join(results["classes_without_objects"])
    return Section(
        "Scores",
        "In percent. AP50 at IoU 0.5 by VOC's rules (inclusive pixels, difficult objects ignored), "
        "over VOC2007's 11 points and over all points; AP50:95 by COCO's rules."
        + (f" Without objects, so not in the mean: {absent}." if absent else ""),
        table=Table(["class", "AP50 07", "AP50", "AP50:95", *counts], rows),
        numbers=dict(results),
    )


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _analysis_sections(analysis: Analysis) -> list[Section]:
    numbers = analysis.to_json()
    sections = []
    for name, figure in draw_analysis(analysis).items():
        title, text, part = PARTS[name]
        content = numbers[part] if part else None
        sections.append(Section(title, text, {name: to_png(figure)}, numbers=content))
    return sections


def _conditions(results: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that every evaluation records."""
    settings = results["settings"]
    return {
        "images": results["images"],
        "input": f"{settings['image_size']} px",
        "score threshold": settings["score_threshold"],
        "NMS IoU": settings["nms_iou"],
        "evaluation": f"{results['seconds']:.1f} s, "
        f"{results['images'] / results['seconds']:.1f} images/s",
    }
