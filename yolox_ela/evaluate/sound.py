"""Whether the arrays of an evaluation that was read from a file belong together."""

from typing import Any

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.results_file import RESULTS
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.schema import fault


def require_sound(detections: Detections, split: VocSplit, results: Any) -> None:
    """Check the shapes, types and ranges of everything in an evaluation.

    Raises:
        ValueError: something in it cannot be.
    """
    images, names = len(split.ids), split.classes
    require_sound_split(split)
    require_sound_detections(detections, images, len(names))
    if said := fault(results, RESULTS, "results"):
        raise ValueError(said)
    _require(results["images"] == images, f"its results are those of {results['images']} images")
    known = {*results["per_class"], *results["classes_without_objects"]}
    _require(known == set(names), "its results are those of other classes")


def require_sound_split(split: VocSplit) -> None:
    """Check the shapes, types and ranges of images and objects.

    Raises:
        ValueError: something in them cannot be.
    """
    images, classes, objects = len(split.ids), len(split.classes), len(split.labels)
    names = split.classes
    _require(bool(names) and all(isinstance(n, str) for n in names), "classes are no names")
    _require(len(set(names)) == classes, "a class is there twice")
    _require(split.headline in METRICS, f"headline is none of {', '.join(METRICS)}")
    for name, kinds, shape in (
        ("ids", "U", (images,)),
        ("paths", "U", (images,)),
        ("sizes", "iu", (images, 2)),
        ("offsets", "iu", (images + 1,)),
        ("boxes", "f", (objects, 4)),
        ("labels", "iu", (objects,)),
        ("difficult", "b", (objects,)),
        ("crowd", "b", (objects,)),
    ):
        _require_array(name, getattr(split, name), kinds, shape)
    for name, kinds, shape in (
        ("hashes", "S", (images,)),
        ("stamps", "iu", (images, 3)),
        ("pixels", "S", (images,)),
        ("numbers", "iu", (images,)),
        ("categories", "iu", (classes,)),
    ):
        array = getattr(split, name)
        if len(array):  # empty where unknown
            _require_array(name, array, kinds, shape)
    _require(bool((split.sizes > 0).all()), "an image has no pixels")
    ends = split.offsets
    _require(
        ends[0] == 0 and ends[-1] == objects and bool((np.diff(ends.astype(np.int64)) >= 0).all()),
        "offsets do not divide the objects among the images",
    )
    _require_range("labels", split.labels, classes)
    _require(bool(np.isfinite(split.boxes).all()), "boxes are not finite")


def require_sound_detections(detections: Detections, images: int, classes: int) -> None:
    """Check the shapes, types and ranges of detections in so many images, of so many classes.

    Raises:
        ValueError: something in them cannot be.
    """
    found = len(detections.images)
    for name, kinds, shape in (
        ("images", "iu", (found,)),
        ("boxes", "f", (found, 4)),
        ("scores", "f", (found,)),
        ("labels", "iu", (found,)),
    ):
        _require_array(f"detections.{name}", getattr(detections, name), kinds, shape)
    _require_range("detections.labels", detections.labels, classes)
    _require_range("detections.images", detections.images, images)
    scores = detections.scores
    _require(bool(((scores >= 0) & (scores <= 1)).all()), "detections.scores are not from 0 to 1")
    _require(bool(np.isfinite(detections.boxes).all()), "detections.boxes are not finite")


def _require_range(name: str, values: np.ndarray, below: int) -> None:
    _require(bool(((values >= 0) & (values < below)).all()), f"{name} are out of range")


def _require_array(name: str, array: Any, kinds: str, shape: tuple[int, ...]) -> None:
    _require(
        isinstance(array, np.ndarray) and array.dtype.kind in kinds and array.shape == shape,
        f"{name} is not an array of shape {shape}",
    )


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
