"""Saving an evaluation in one file: detections, annotated objects, and results.

From such files, reports can be made and runs compared without the network or the annotations.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.sound import require_sound
from yolox_ela.images.values import ValueRange
from yolox_ela.system.array_files import read_arrays
from yolox_ela.system.files import exists, write_atomically
from yolox_ela.system.program import command_text


@dataclass(frozen=True)
class SavedEvaluation:
    """An evaluation.

    Attributes:
        detections: the detections of the whole split.
        split: the images and objects; paths of images are those at the time of the evaluation.
        results: the results of `score_detections`.
    """

    detections: Detections
    split: VocSplit
    results: dict[str, Any]

    def in_class_order(self, classes: Sequence[str]) -> "SavedEvaluation":
        """The evaluation with its classes in another order.

        Args:
            classes: the class names in the wanted order; if they are not the evaluation's classes,
                it is returned unchanged.
        """
        if self.split.classes == tuple(classes) or set(self.split.classes) != set(classes):
            return self
        label = np.array([list(classes).index(name) for name in self.split.classes], np.int64)
        return replace(
            self,
            detections=replace(self.detections, labels=label[self.detections.labels]),
            split=replace(self.split, classes=tuple(classes), labels=label[self.split.labels]),
        )


def save_evaluation(path: Path, evaluation: SavedEvaluation) -> None:
    """Write an .npz file, some 5 MB for VOC2007's test set.

    Raises:
        UserError: the file cannot be written.
    """
    arrays = {
        **{f"detections.{f.name}": getattr(evaluation.detections, f.name) for f in _DETECTIONS},
        **{f"split.{f.name}": np.asarray(getattr(evaluation.split, f.name)) for f in _SPLIT},
        "results": np.array(json.dumps(evaluation.results)),
    }
    arrays["split.paths"] = np.array([str(path) for path in evaluation.split.paths])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def load_evaluation(path: Path) -> SavedEvaluation:
    """Read what `save_evaluation` wrote.

    Raises:
        UserError: the file is missing, damaged, or not a saved evaluation.
    """
    if not exists(path):
        raise UserError(
            f"no {path}: name the folder of a run that has been evaluated, or one that "
            f"{command_text('eval')} --report has written"
        )
    return read_arrays(path, _checked, "saved evaluation", "evaluate the weights again")


def _checked(arrays: Mapping[str, np.ndarray]) -> SavedEvaluation:
    """The evaluation in the arrays of a file.

    Raises:
        Exception: an array is missing, or they do not belong together.
    """
    # Older files lack what has a default.
    split: dict[str, Any] = {
        f.name: arrays[name] for f in _SPLIT if (name := f"split.{f.name}") in arrays
    }
    split["classes"] = tuple(split["classes"].tolist())
    if "headline" in split:
        split["headline"] = str(split["headline"])
    if "values" in split:
        integers, floats = split["values"].tolist()
        split["values"] = ValueRange(integers, floats)
    detections = Detections(**{f.name: arrays[f"detections.{f.name}"] for f in _DETECTIONS})
    evaluation = SavedEvaluation(detections, VocSplit(**split), json.loads(str(arrays["results"])))
    require_sound(evaluation.detections, evaluation.split, evaluation.results)
    return evaluation


_DETECTIONS, _SPLIT = fields(Detections), fields(VocSplit)
