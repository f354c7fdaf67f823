"""The files that the server of the VOC challenge takes: comp4_det_SET_CLASS.txt."""

from functools import partial
from pathlib import Path

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.system.files import require_writable, write_atomically


def require_comp4(split: VocSplit, set_name: str) -> None:
    """Raise UserError if a class or image has a name that these files cannot hold."""
    if "/" in set_name:
        raise UserError(f"--save-comp4 needs a set without a slash in its name, not {set_name}")
    for name in split.classes:
        if "/" in name or "\0" in name:
            raise UserError(f"--save-comp4 names a file after each class, which '{name}' cannot be")
    for image_id in split.ids.tolist():
        if len(image_id.split()) != 1:
            raise UserError(f"--save-comp4 parts its columns by spaces: image '{image_id}' has one")


def write_comp4(detections: Detections, split: VocSplit, folder: Path, set_name: str) -> list[Path]:
    """One file for each class, also for those that were not found.

    A line is the image's id, the score, and x1, y1, x2, y2 in pixels counted from 1.

    Args:
        detections: the split's detections.
        split: the images.
        folder: the folder of the files; it is made.
        set_name: the set as VOC calls it, as in `test`.

    Returns:
        The files, in the order of the classes.

    Raises:
        UserError: a name cannot stand in such a file, or the folder cannot be written.
    """
    require_comp4(split, set_name)
    paths = []
    for label, name in enumerate(split.classes):
        path = folder / f"comp4_det_{set_name}_{name}.txt"
        require_writable(path)
        lines = []
        for row in np.flatnonzero(detections.labels == label):
            corners = detections.boxes[row].astype(np.float64) + 1
            score = np.format_float_positional(detections.scores[row], trim="-")
            box = " ".join(f"{value:.6f}" for value in corners)
            lines.append(f"{split.ids[detections.images[row]]} {score} {box}\n")
        content = "".join(lines).encode("utf-8", "backslashreplace")
        write_atomically(path, partial(Path.write_bytes, data=content))
        paths.append(path)
    return paths
