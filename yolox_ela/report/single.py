"""The report of one run, or of one evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.evaluate.scores import SplitScores, score_split
from yolox_ela.input_size import InputSize
from yolox_ela.network.model import Yolox
from yolox_ela.recipe import Recipe
from yolox_ela.report.ap_per_class import ap_per_class_section
from yolox_ela.report.confusion import confusion_matrix, confusion_section
from yolox_ela.report.curves import curves_section
from yolox_ela.report.error_costs import error_costs, error_costs_section
from yolox_ela.report.error_kinds import find_errors
from yolox_ela.report.gates import gates_section
from yolox_ela.report.page import Section, write_report
from yolox_ela.report.precision_recall import precision_recall_curves, precision_recall_section
from yolox_ela.report.score_tables import class_scores_section
from yolox_ela.report.sizes import score_by_size, sizes_section
from yolox_ela.report.start import gain_over_start
from yolox_ela.report.thresholds import (
    class_thresholds_section,
    threshold_curves,
    thresholds_section,
)
from yolox_ela.report.training import training_section
from yolox_ela.report.worst import worst_cases, worst_section


@dataclass(frozen=True)
class RunMaterial:
    """What is known of a run beside its evaluation; each part that is given adds to the report.

    Args:
        history: the rows of metrics.csv, for the learning curves.
        recipe: the run's settings; with `train_split`, for the pictures of training batches.
        train_split: the images that the run trained on.
        model: the network, for what its gates attend to.
    """

    history: Sequence[Mapping[str, Any]] = ()
    recipe: Recipe | None = None
    train_split: VocSplit | None = None
    model: Yolox | None = None


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
    detections, split = evaluation.detections, evaluation.split
    sections = [class_scores_section(results)]
    if material.history:
        sections.append(curves_section({title: material.history}))
    sections += detection_sections(detections, split, score_split(detections, split))
    if material.recipe is not None and material.train_split is not None:
        sections.append(training_section(material.recipe, material.train_split))
    if material.model is not None:
        size = results["settings"]["image_size"]
        sections.append(gates_section(material.model, split, size))
    gain = gain_over_start(material.history, split.headline)
    against = {} if gain is None else {"against its start": str(gain)}
    return write_report(folder, title, {**facts, **against, **_conditions(results)}, sections)


def detection_sections(
    detections: Detections, split: VocSplit, scores: SplitScores
) -> list[Section]:
    """The parts of a report that follow from the detections of a split.

    Where a part needs one score threshold, it is the one with the best F1 of all classes together.

    Args:
        detections: the split's detections, in any order.
        split: the images and objects.
        scores: `score_split(detections, split)`.
    """
    classes = split.classes
    thresholds = threshold_curves(detections, scores)
    threshold = thresholds.pooled.best.threshold
    errors = find_errors(detections, split, scores)
    costs = error_costs(detections, split, scores, errors)
    worst = worst_cases(detections, split, scores, errors, threshold)
    return [
        ap_per_class_section(scores, classes),
        precision_recall_section(precision_recall_curves(scores), scores.ap50, classes),
        thresholds_section(thresholds, classes),
        class_thresholds_section(thresholds, classes),
        confusion_section(confusion_matrix(detections, split, threshold), classes),
        sizes_section(score_by_size(detections, split, threshold), threshold),
        error_costs_section(costs, detections.scores >= threshold, threshold),
        worst_section(worst, detections, split, threshold),
    ]


def _conditions(results: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that every evaluation records."""
    settings = results["settings"]
    return {
        "images": results["images"],
        "input": f"{InputSize.of(settings['image_size'])} px",
        "score threshold": settings["score_threshold"],
        "NMS IoU": settings["nms_iou"],
        "evaluation": f"{results['seconds']:.1f} s, "
        f"{results['images'] / results['seconds']:.1f} images/s",
    }
