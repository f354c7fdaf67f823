"""The numbers of an explanation as plain values, for tables and JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from yolox_ela.explain.explanation import Explanation, View
from yolox_ela.explain.heat import area_share
from yolox_ela.report.gate_values import gate_statistics


def detection_numbers(explanation: Explanation, views: Mapping[str, View]) -> list[dict[str, Any]]:
    """For each detection its number, class, score and box; the share of the photograph's area that
    the box has; and by network its score, its stride, and the share of each map inside the box.

    Args:
        explanation: the explained detections.
        views: its views by the name of the network.
    """
    size = explanation.image.shape[:2]
    boxes = explanation.detections.boxes
    return [
        {
            "number": number,
            **entry,
            "area": area_share(boxes[i], (size[0], size[1])),
            "networks": {
                name: {
                    "score": float(view.scores[i]),
                    "stride": view.strides[i],
                    "inside": {
                        place: heats[i].share_inside(boxes[i])
                        for place, heats in view.heats.items()
                    },
                }
                for name, view in views.items()
            },
        }
        for i, (number, entry) in enumerate(
            zip(explanation.numbers, explanation.detections.to_dicts(), strict=True)
        )
    ]


def gate_numbers(views: Mapping[str, View]) -> dict[str, list[dict[str, Any]]]:
    """By network the statistics of its gates for each site and direction; see `GateStatistics`."""
    return {
        name: [asdict(row) for row in gate_statistics([view.gates])]
        for name, view in views.items()
        if view.gates
    }
