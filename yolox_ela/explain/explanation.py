"""Explaining detections: where their scores come from, and what the attention's gates are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.explain.cam import METHODS
from yolox_ela.explain.gate_text import gate_note
from yolox_ela.explain.heat import Heat
from yolox_ela.explain.places import Pass, require_places, run_with_maps
from yolox_ela.explain.targets import (
    detections_with_anchors,
    matching_anchor,
    score_of,
    stride_of,
)
from yolox_ela.images.letterbox import letterbox, resized
from yolox_ela.network.class_rows import positions
from yolox_ela.overrides import did_you_mean
from yolox_ela.predict import Detector, Result
from yolox_ela.predict.pictures import Picture, as_bgr
from yolox_ela.report.gate_values import SiteGates, photograph_gates
from yolox_ela.sizes import SITES

MOST = 3  # detections that are explained unless others are asked for


@dataclass(frozen=True)
class View:
    """What one network makes of the detections.

    Attributes:
        scores: (D,) float32 in 0-1; NaN where the network has no box at the detection.
        strides: D strides of the maps that the boxes come from; 0 where there is no box.
        heats: by place, the class activation map of each detection. It is 0 everywhere where there
            is no box, and where a place has no influence on the score: a box of stride 8 does not
            depend on C3_n3 and C3_n4, nor one of stride 16 on C3_n4.
        gates: by site, the gates by row and column; see `SiteGates`. Empty if there are none.
        note: sentences on attention without such gates, and on the largest value of the others.
    """

    scores: np.ndarray
    strides: tuple[int, ...]
    heats: dict[str, tuple[Heat, ...]]
    gates: dict[str, SiteGates]
    note: str


@dataclass(frozen=True)
class Explanation:
    """The explained detections of one picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        detections: the D detections that were chosen, best score first.
        numbers: the number of each among all detections of the picture, from 1.
        method: a key of `METHODS`.
        views: what each network makes of them, first the one that detected them.
    """

    image: np.ndarray
    detections: Result
    numbers: tuple[int, ...]
    method: str
    views: tuple[View, ...]


@dataclass(frozen=True)
class _Seen:
    """A network's pass over the picture.

    Attributes:
        passed: predictions and maps.
        scale: pixels of the input for one of the photograph.
        input_size: height and width of the input in pixels.
    """

    passed: Pass
    scale: float
    input_size: tuple[int, int]


def explain(
    detector: Detector,
    image: Picture,
    *,
    beside: Sequence[Detector] = (),
    numbers: Sequence[int] = (),
    classes: Sequence[str] = (),
    most: int = MOST,
    places: Sequence[str] = tuple(SITES),
    method: str = "layercam",
) -> Explanation:
    """Explain detections in a picture by class activation maps and by gates.

    The number that the maps explain is the detection's score, objectness times class score of the
    one anchor that made it, before NMS; see `targets`. The maps are taken behind the attention of
    each site; see `places`. In a network beside, the anchor is the one that scores most for the
    class among those whose box has an IoU of at least 0.5 with the detection. Gradients
    are computed by `detector.model`, on the device that it is on.

    Args:
        detector: the network, the threshold of its detections, and the size of its input.
        image: a path, an address, an (H, W, 3) uint8 BGR array, a PIL image or the bytes of a file.
        beside: other networks, such as `without_attention(detector)`.
        numbers: the detections to explain, counted from 1, best score first; by default the best
            `most` of them.
        classes: names of classes; by default all. Detections of others do not count.
        most: the largest number of detections that are explained by default.
        places: names of sites or modules.
        method: a key of `METHODS`.

    Raises:
        UserError: the picture cannot be read; nothing is detected in it; or there is no such class,
            detection, place or method.
    """
    labels = require_request([detector, *beside], classes, places, method)
    picture = as_bgr(image, detector.runner.values)
    seen = _look(detector, picture, places)
    predictions = seen.passed.predictions
    rows, anchors = detections_with_anchors(
        predictions, detector.settings.score_threshold, detector.settings.nms_iou
    )
    found = [place for place, row in enumerate(rows) if not labels or int(row[5]) in labels]
    if not found:
        raise UserError(_nothing(detector, predictions, labels))
    if wrong := [number for number in numbers if not 1 <= number <= len(found)]:
        raise UserError(f"there is no detection {wrong[0]}: they are numbered 1 to {len(found)}")
    counted = [number - 1 for number in numbers] or range(min(most, len(found)))
    chosen = sorted({found[place] for place in counted})
    rows = rows[chosen].cpu()
    detections = _in_photograph(detector, rows, seen.scale, picture)
    own = _view(detector, seen, picture, method, [anchors[place] for place in chosen], rows[:, 5])
    return Explanation(
        picture,
        detections,
        tuple(1 + found.index(place) for place in chosen),
        method,
        (own, *(_beside(other, picture, places, method, detections) for other in beside)),
    )


def require_request(
    detectors: Sequence[Detector], classes: Sequence[str], places: Sequence[str], method: str
) -> set[int]:
    """Raise UserError for a class, place or method that there is not; see `explain`.

    Returns:
        The labels of the classes in the first detector.
    """
    if method not in METHODS:
        raise UserError(f"there is no method '{method}': give {' or '.join(METHODS)}")
    for detector in detectors:
        require_places(detector.model, places)
    return set(_labels(detectors[0].classes, classes, "the network"))


def _beside(
    detector: Detector,
    picture: np.ndarray,
    places: Sequence[str],
    method: str,
    detections: Result,
) -> View:
    labels = _labels(detector.classes, detections.names, "the network beside")
    seen = _look(detector, picture, places)
    anchors = [
        matching_anchor(seen.passed.predictions, torch.from_numpy(box * seen.scale), label)
        for box, label in zip(detections.boxes, labels, strict=True)
    ]
    return _view(detector, seen, picture, method, anchors, torch.tensor(labels))


def _look(detector: Detector, picture: np.ndarray, places: Sequence[str]) -> _Seen:
    pixels, scale = letterbox(picture, detector.settings.image_size)
    device = next(detector.model.parameters()).device
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device).float()
    passed = run_with_maps(detector.model, batch, places)
    return _Seen(passed, scale, (pixels.shape[0], pixels.shape[1]))


def _view(
    detector: Detector,
    seen: _Seen,
    picture: np.ndarray,
    method: str,
    anchors: Sequence[int | None],
    labels: Tensor,
) -> View:
    height, width = picture.shape[:2]
    covered = resized((width, height), seen.scale)[::-1]
    scores, strides = [], []
    heats: dict[str, list[Heat]] = {place: [] for place in seen.passed.maps}
    for anchor, label in zip(anchors, labels.tolist(), strict=True):
        cams = [values.new_zeros(values.shape[2:]) for values in seen.passed.maps.values()]
        score, stride = float("nan"), 0
        if anchor is not None:
            target = score_of(seen.passed.predictions, anchor, int(label))
            score = float(target.detach())
            stride = stride_of(anchor, detector.model.head.strides, *seen.input_size)
            cams = _cams(target, list(seen.passed.maps.values()), method)
        scores.append(score)
        strides.append(stride)
        for cells, place in zip(cams, heats.values(), strict=True):
            place.append(Heat(cells.cpu().numpy(), seen.input_size, covered, (height, width)))
    gates = photograph_gates(detector.model, picture, detector.settings.image_size)
    return View(
        np.array(scores, np.float32),
        tuple(strides),
        {place: tuple(each) for place, each in heats.items()},
        gates,
        gate_note(detector.model),
    )


def _cams(target: Tensor, maps: Sequence[Tensor], method: str) -> list[Tensor]:
    gradients = torch.autograd.grad(target, maps, retain_graph=True, allow_unused=True)
    return [
        values.new_zeros(values.shape[2:])
        if gradient is None
        else METHODS[method](values[0], gradient[0]).detach()
        for values, gradient in zip(maps, gradients, strict=True)
    ]


def _in_photograph(detector: Detector, rows: Tensor, scale: float, picture: np.ndarray) -> Result:
    table = rows.numpy()
    height, width = picture.shape[:2]
    labels = table[:, 5].astype(np.int64)
    return Result(
        None,
        picture,
        np.clip(table[:, :4] / scale, 0, [width, height] * 2).astype(np.float32),
        table[:, 4],
        labels,
        tuple(detector.classes[label] for label in labels),
    )


def _labels(known: Sequence[str], classes: Sequence[str], whose: str) -> list[int]:
    """The label of each class, which VOC and COCO may spell differently."""
    labels = []
    for name, label in zip(classes, positions(known, classes), strict=True):
        if label is None:
            hint = did_you_mean(name, known) or f"its classes are {', '.join(known)}"
            raise UserError(f"{whose} does not know the class {name}; {hint}")
        labels.append(label)
    return labels


def _nothing(detector: Detector, predictions: Tensor, labels: set[int]) -> str:
    """Why there is nothing to explain, and which threshold would change that."""
    scores = (predictions[:, 4:5] * predictions[:, 5:]).detach()
    columns = sorted(labels) or list(range(scores.shape[1]))
    best = scores[:, columns].max(0).values
    name, score = detector.classes[columns[int(best.argmax())]], float(best.max())
    whose = ", ".join(detector.classes[label] for label in sorted(labels)) or "nothing"
    what = f"no {whose}" if labels else whose
    return (
        f"{what} scores {detector.settings.score_threshold} or more (the best is {name} with "
        f"{score:.3f}): lower the threshold (--conf) to explain it"
    )
