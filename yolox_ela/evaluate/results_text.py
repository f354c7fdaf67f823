"""The results of an evaluation as text for the screen."""

from typing import Any

from yolox_ela.evaluate.scores import METRIC_HEADERS, METRICS
from yolox_ela.input_size import InputSize
from yolox_ela.system.text_table import text_table

YOLOF = "yolof"  # the one task with results of detection that names itself
COUNTS = ("objects", "difficult", "detections")


def results_text(results: dict[str, Any]) -> str:
    """The results of any task; those of detection by `format_results`."""
    if results.get("task", YOLOF) == YOLOF:
        return format_results(results)
    names = [name for name, value in results.items() if _is_score(value) and name != "seconds"]
    rows = [
        [name, *(f"{100 * row[key]:.2f}" if key in row else "" for key in names)]
        for name, row in [*results["per_class"].items(), ("all", results)]
    ]
    table = text_table(["class", *names], rows, align="l" + "r" * len(names))
    return f"{table}\n{results['images']} images, {_speed(results)}"


def format_results(results: dict[str, Any]) -> str:
    """A table with one line per class, the means, and the settings that they were measured with.

    Args:
        results: as `score_detections` returns them, AP in 0-1.
    """
    named = [*results["per_class"].items(), ("mean", results)]
    headline = results.get("headline", METRICS[0])  # results of older versions have none
    metrics = sorted(METRICS, key=lambda metric: metric != headline)
    lines = [
        text_table(
            ["class", *(METRIC_HEADERS[metric] for metric in metrics), *COUNTS],
            [
                [name, *(_percent(row[metric]) for metric in metrics), *(row[c] for c in COUNTS)]
                for name, row in named
            ],
            align="lrrrrrr",
        )
    ]
    if results["classes_without_objects"]:
        absent = ", ".join(results["classes_without_objects"])
        lines.append(f"without objects, not in the mean: {absent}")
    settings = results["settings"]
    lines.append(
        f"{results['images']} images at {InputSize.of(settings['image_size'])} px, score >= "
        f"{settings['score_threshold']}, NMS IoU {settings['nms_iou']}, " + _speed(results)
    )
    lines.append(
        "AP50 07: VOC2007's 11 points; AP50: all points; both at VOC IoU > 0.5, difficult objects "
        "ignored. AP50:95: COCO's rules."
    )
    return "\n".join(lines)


def _percent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.2f}"


def _is_score(value: Any) -> bool:
    return isinstance(value, float) and 0 <= value <= 1


def _speed(results: dict[str, Any]) -> str:
    seconds = results["seconds"]
    return f"{seconds:.1f} s ({results['images'] / seconds:.1f} images/s)"
