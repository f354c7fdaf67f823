"""What is kept of each run that has ended: its row of results and its detections, in little space.

Coordinates are rounded to a 1024th of a pixel, scores to eleven bits. The detections are stored by
falling score, so that scores which become equal keep their order. An average precision can only
change where an overlap is within that rounding of a threshold; the row has the scores before it.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.evaluate.sound import require_sound_detections, require_sound_split
from yolox_ela.schema import MOST, TEXT, fault, mapped
from yolox_ela.system.array_files import read_arrays
from yolox_ela.system.files import require_writable, write_atomically
from yolox_ela.tables.record import RunRow, append_row

PARTS = 1024  # of a pixel
OBJECTS = "objects.npz"
_OBJECTS = ("ids", "sizes", "offsets", "boxes", "labels", "difficult", "crowd")  # of a split


@dataclass(frozen=True)
class Record:
    """A run that has ended.

    Attributes:
        asked: what its command was asked for; see `plan.Run`.
        row: its row of results; None for a trial.
        detections: its detections, best score first.
    """

    asked: Mapping[str, str]
    row: RunRow | None
    detections: Detections


def save_record(path: Path, record: Record) -> None:
    """Write a record, whole or not at all; some 0.3 MB for 1,500 images of VOC.

    Raises:
        UserError: the file cannot be written.
    """
    found = record.detections
    order = np.argsort(-found.scores, kind="stable")
    boxes = np.rint(found.boxes[order].astype(np.float64) * PARTS).astype(np.int32)
    boxes[:, 2:] -= boxes[:, :2]
    _write(
        path,
        about=np.array(
            json.dumps({"asked": record.asked, "row": record.row and asdict(record.row)})
        ),
        images=found.images[order].astype(np.min_scalar_type(found.images.max(initial=0))),
        labels=found.labels[order].astype(np.min_scalar_type(found.labels.max(initial=0))),
        scores=found.scores[order].astype(np.float16),
        # Each coordinate for itself, and bytes by their weight, compress better.
        boxes=np.ascontiguousarray(boxes.T).view(np.uint8).reshape(4, -1, 4).transpose(0, 2, 1),
    )


def load_record(path: Path) -> Record:
    """Read what `save_record` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    return read_arrays(path, _record, "record of a run", "delete it to run this again")


def _record(arrays: Mapping[str, np.ndarray]) -> Record:
    """The record in the arrays of a file; raises whatever they make impossible."""
    about = json.loads(str(arrays["about"]))
    if said := fault(about["asked"], mapped(TEXT), "asked"):
        raise ValueError(said)
    parts = np.ascontiguousarray(arrays["boxes"].transpose(0, 2, 1))
    boxes = parts.view(np.int32).reshape(4, -1).T.astype(np.float64)
    boxes[:, 2:] += boxes[:, :2]
    found = Detections(
        images=arrays["images"].astype(np.int64),
        boxes=(boxes / PARTS).astype(np.float32),
        scores=arrays["scores"].astype(np.float32),
        labels=arrays["labels"].astype(np.int64),
    )
    require_sound_detections(found, MOST, MOST)  # of how many images is said by `objects.npz`
    return Record(about["asked"], about["row"] and RunRow(**about["row"]), found)


def keep_objects(path: Path, evaluation: SavedEvaluation) -> VocSplit:
    """Write the images and objects that runs are scored on, or see that they are the same.

    Args:
        path: the file, one for all runs that are compared.
        evaluation: the evaluation of a run.

    Returns:
        The images and objects, whose class order counts for all records.

    Raises:
        UserError: the runs so far were scored on other images or objects.
    """
    if not path.is_file():
        split = evaluation.split
        _write(
            path,
            classes=np.array(split.classes),
            headline=np.array(split.headline),
            **{name: getattr(split, name) for name in _OBJECTS},
        )
    kept = load_objects(path)
    mine = evaluation.in_class_order(kept.classes).split
    if mine.classes != kept.classes or mine.labels_fingerprint() != kept.labels_fingerprint():
        raise UserError(
            f"the runs in {path.parent} were scored on other images or objects than this one: name "
            "another output folder with -o"
        )
    return kept


def load_objects(path: Path) -> VocSplit:
    """Read what `keep_objects` wrote; the paths of the images are their ids.

    Raises:
        UserError: the file is missing or damaged.
    """
    return read_arrays(
        path, _objects, "record of a study's images", "name another output folder with -o"
    )


def _objects(arrays: Mapping[str, np.ndarray]) -> VocSplit:
    """The images and objects in the arrays of a file; raises whatever they make impossible."""
    parts: dict[str, Any] = {name: arrays[name] for name in _OBJECTS}
    split = VocSplit(
        classes=tuple(arrays["classes"].tolist()),
        paths=arrays["ids"],
        headline=str(arrays["headline"]),
        **parts,
    )
    require_sound_split(split)
    return split


def write_rows(path: Path, rows: Sequence[RunRow]) -> None:
    """Write a file of results with these rows and no others.

    Raises:
        UserError: it cannot be written.
    """

    def write(temporary: Path) -> None:
        content = temporary.with_suffix(".csv")
        for row in rows:
            append_row(content, row)
        content.replace(temporary)

    if rows:
        write_atomically(path, write)


def _write(path: Path, **arrays: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    require_writable(path)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))
