"""The results of an evaluation as text for the screen."""

from typing import Any


def format_results(results: dict[str, Any]) -> str:
    """A table with one line per class, the means, and the settings that they were measured with.

    Args:
        results: as `score_detections` returns them, AP in 0-1.
    """
    width = max(12, *(len(name) for name in results["per_class"])) if results["per_class"] else 12
    header = f"{'class':{width}} {'AP50 07':>8} {'AP50':>8} {'AP50:95':>8}"
    lines = [f"{header} {'objects':>8} {'difficult':>10} {'detections':>11}"]
    for name, row in results["per_class"].items():
        lines.append(
            f"{name:{width}} {_percent(row)} {row['objects']:8} {row['difficult']:10} "
            f"{row['detections']:11}"
        )
    lines.append(
        f"{'mean':{width}} {_percent(results)} {results['objects']:8} "
        f"{results['difficult']:10} {results['detections']:11}"
    )
    if results["classes_without_objects"]:
        absent = ", ".join(results["classes_without_objects"])
        lines.append(f"without objects, not in the mean: {absent}")
    settings = results["settings"]
    lines.append(
        f"{results['images']} images at {settings['image_size']} px, score >= "
        f"{settings['score_threshold']}, NMS IoU {settings['nms_iou']}, "
        f"{results['seconds']:.1f} s ({results['images'] / results['seconds']:.1f} images/s)"
    )
    lines.append(
        "AP50 07: VOC2007's 11 points; AP50: all points; both at VOC IoU > 0.5, difficult objects "
        "ignored. AP50:95: COCO's rules."
    )
    return "\n".join(lines)


def _percent(row: dict[str, Any]) -> str:
    values = [row[key] for key in ("ap50_voc07", "ap50", "ap50_95")]
    return " ".join(f"{'-':>8}" if value is None else f"{100 * value:8.2f}" for value in values)
