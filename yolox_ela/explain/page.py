"""The page about one picture: what was found, where the scores come from, and the gates."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolox_ela.explain.explanation import Explanation, View
from yolox_ela.explain.gate_figure import plot_gates
from yolox_ela.explain.gate_text import gate_reading
from yolox_ela.explain.heat_figure import plot_heats
from yolox_ela.explain.numbers import detection_numbers, gate_numbers
from yolox_ela.explain.targets import SAME_OBJECT
from yolox_ela.images.boxes import draw_boxes
from yolox_ela.report.gate_values import gate_statistics
from yolox_ela.report.page import PageTable, Section, write_report
from yolox_ela.report.style import PHOTOGRAPH_DPI, to_png

METHOD_TEXT = {
    "layercam": "LayerCAM (doi 10.1109/TIP.2021.3089943), relu(sum over channels of "
    "relu(gradient) x map): each position is weighted by its own gradient",
    "gradcam": "Grad-CAM (arXiv 1610.02391), relu(sum over channels of mean(gradient) x map): each "
    "channel has one weight for all positions, so that other objects can light up too",
}
GATES_TEXT = (
    "Attention multiplies each channel of a map by a gate for each row, shown at the left of the "
    "photograph, and by one for each column, shown above it. Each strip has a line for each "
    "channel, with the smallest mean at the outer edge: where the color changes across a strip, "
    "the gates weight channels, and where it changes along a strip, they weight positions. Gates "
    "are shown as shares of the largest value that they can have."
)


def write_page(
    folder: Path,
    title: str,
    facts: Mapping[str, Any],
    explanation: Explanation,
    networks: Sequence[str],
) -> Path:
    """Write report.html, its pictures and its numbers; see `write_report`.

    Args:
        folder: the folder to write to.
        title: the page's title.
        facts: what the page is about, by name.
        explanation: what is shown.
        networks: what the network of each of its views is called.

    Raises:
        UserError: the folder cannot be written.
    """
    views = dict(zip(networks, explanation.views, strict=True))
    numbers = detection_numbers(explanation, views)
    sections = [
        detections_section(explanation, numbers),
        heats_section(explanation, views, numbers),
        gates_section(explanation.image, views),
    ]
    return write_report(folder, title, facts, sections)


def detections_section(explanation: Explanation, numbers: Sequence[Mapping[str, Any]]) -> Section:
    """The picture with the detections, and their scores in each network.

    Args:
        explanation: what is shown.
        numbers: see `detection_numbers`.
    """
    found = explanation.detections
    captions = [f"{row['number']} {row['class']} {row['score']:.2f}" for row in numbers]
    drawn = draw_boxes(explanation.image, found.boxes, found.labels.tolist(), captions)
    networks = list(numbers[0]["networks"])
    text = (
        "The number in front of a class is that of the detection, best score first. The stride is "
        "that of the map that the box was read from: 8 for small objects, 32 for large ones."
    )
    if len(networks) > 1:
        text += (
            f" {networks[0]} made the detections. Another network's score is that of the anchor "
            "that scores most for the class among those whose box has an IoU of at least "
            f"{SAME_OBJECT} with the detection; a dash where there is no such box."
        )
    columns = ["detection", "class", "stride", *(f"score, {name}" for name in networks)]
    rows: list[list[str | float | None]] = [
        [
            *(row["number"], row["class"], row["networks"][networks[0]]["stride"]),
            *(network["score"] for network in row["networks"].values()),
        ]
        for row in numbers
    ]
    picture = bytes(cv2.imencode(".png", drawn)[1])
    table = PageTable(columns, rows, decimals=3)
    return Section("What was found", text, {"detections": picture}, table, numbers)


def heats_section(
    explanation: Explanation,
    views: Mapping[str, View],
    numbers: Sequence[Mapping[str, Any]],
) -> Section:
    """The class activation maps of each detection, and their shares inside its box.

    Args:
        explanation: what is shown.
        views: its views by the name of the network.
        numbers: see `detection_numbers`.
    """
    figures: dict[str, bytes] = {}
    rows: list[list[str | float | None]] = []
    for i, row in enumerate(numbers):
        heats = {
            name: {place: each[i] for place, each in view.heats.items()}
            for name, view in views.items()
        }
        figure = plot_heats(explanation.image, explanation.detections.boxes[i], heats)
        kind = re.sub(r"\W", "_", row["class"])
        figures[f"detection_{row['number']}_{kind}"] = to_png(figure, dpi=PHOTOGRAPH_DPI)
        for place in explanation.views[0].heats:
            inside = [network["inside"][place] for network in row["networks"].values()]
            shares = [100 * share for share in (*inside, row["area"])]
            rows.append([row["number"], row["class"], place, *shares])
    text = (
        "What is explained is the score of the one anchor that made the detection, objectness "
        "times class score before NMS. The maps show which positions of the map at a place raise "
        f"it: {METHOD_TEXT[explanation.method]}. At a site, the map is taken behind the attention. "
        "Each picture is scaled to its largest value, from blue to red, and leaves out the grey "
        "padding of the network's input.\n\n"
        "'Inside' is the share of a map's sum on the photograph that lies inside the box. Compare "
        "it with the box's share of the area: a map that knows nothing of the object has about "
        "that much inside. 'No influence': a box of stride 8 does not depend on C3_n3 and C3_n4, "
        "nor one of stride 16 on C3_n4. 'Only the padding': the map is 0 on the photograph."
    )
    columns = ["detection", "class", "place", *(f"% inside, {name}" for name in views)]
    table = PageTable([*columns, "% of the area"], rows, decimals=1)
    return Section("Where the score comes from", text, figures, table)


def gates_section(image: np.ndarray, views: Mapping[str, View]) -> Section:
    """The gates of each network that has some, and what can be read from them."""
    numbers = gate_numbers(views)
    figures = {
        f"gates_{place}": to_png(plot_gates(image, views[name].gates))
        for place, name in enumerate(numbers, 1)
    }
    texts = [
        f"{name}: {text}"
        for name, view in views.items()
        for text in (gate_reading(gate_statistics([view.gates])), view.note)
        if text
    ]
    if numbers:
        texts.insert(0, GATES_TEXT)
    if len(numbers) > 1:
        texts.insert(1, f"The pictures are of {', '.join(numbers)}, in this order.")
    columns = ["network", "site", "gates of", "mean", "sd along", "sd between channels"]
    rows: list[list[str | float | None]] = [
        [name, *(row[key] for key in ("site", "direction", "mean", "along", "between"))]
        for name, statistics in numbers.items()
        for row in statistics
    ]
    table = PageTable(columns, rows, decimals=4) if rows else None
    title = "The gates along the picture's edges"
    return Section(title, "\n\n".join(texts), figures, table, numbers)
