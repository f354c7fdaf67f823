"""YOLO txt as Ultralytics reads it: images/NAME, labels/NAME and a data.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.names import role_of
from yolox_ela.datasets.readers.yolo import label_file
from yolox_ela.datasets.readers.yolo_yaml import SETS
from yolox_ela.datasets.writers.writer import WrittenSet, not_text

DIGITS = 12  # of a share; its error is far below a thousandth of a pixel
ROUNDING = 2e-12  # taken off the sides, so that no rounded box reaches beyond its image


class YoloWriter:
    """See `Writer`. A set without annotations gets no label files."""

    layout = "YOLO txt"
    shares_names = False

    def set_names(self, names: Sequence[str]) -> dict[str, str]:
        """See `Writer`; a data.yaml knows train, val and test only, other names count as train."""
        return {name: role_of(name.rpartition("/")[2]) or SETS[0] for name in names}

    def held(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> dict[str, WrittenSet]:
        """See `Writer`; images are in the order of their names."""
        result = {}
        for name in sorted(sets, key=SETS.index):
            images = [_held(image) for image in sets[name].images]
            images.sort(key=lambda image: PurePosixPath(f"{image.id}{image.path.suffix}"))
            result[name] = replace(sets[name], images=images)
        return result

    def unwritable(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> str:
        """See `Writer`."""
        hidden = [
            image.id
            for of_set in sets.values()
            for image in of_set.images
            if PurePosixPath(image.id).name.startswith(".")
        ]
        if hidden:
            return f"the image {hidden[0]} is a hidden file, which YOLO's readers pass over"
        return not_text(classes)

    def image_file(self, folder: Path, set_name: str, image: CheckedImage) -> Path:
        """See `Writer`."""
        return folder / "images" / set_name / f"{image.id}{image.path.suffix}"

    def write(
        self,
        folder: Path,
        sets: Mapping[str, WrittenSet],
        classes: Sequence[str],
        categories: Mapping[str, int],
    ) -> None:
        """See `Writer`; `path` is left out of data.yaml, so that the folder may be moved."""
        for name, of_set in sets.items():
            for image in of_set.images if of_set.annotated else ():
                text = label_file(self.image_file(folder, name, image))
                text.parent.mkdir(parents=True, exist_ok=True)
                text.write_text(
                    "".join(f"{line}\n" for line in label_lines(image)), encoding="utf-8"
                )
        content: dict[str, Any] = {name: f"images/{name}" for name in sets}
        content |= {"nc": len(classes), "names": dict(enumerate(classes))}
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        (folder / "data.yaml").write_text(text, encoding="utf-8")

    def notes(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> list[str]:
        """See `Writer`."""
        return []


def _held(image: CheckedImage) -> CheckedImage:
    """Without regions of many objects and without the mark of difficult ones."""
    keep = ~image.crowd
    none = np.zeros(int(keep.sum()), bool)
    return replace(
        image,
        boxes=image.boxes[keep],
        labels=image.labels[keep],
        difficult=none,
        crowd=none,
        number=-1,
    )


def label_lines(image: CheckedImage) -> list[str]:
    """A line an object: its class, and centre, width and height as shares of the image."""
    size = np.array(image.size, dtype=np.float64)
    shares = np.concatenate(
        [
            (image.boxes[:, :2] + image.boxes[:, 2:]) / 2 / size,
            (image.boxes[:, 2:] - image.boxes[:, :2]) / size - ROUNDING,
        ],
        axis=1,
    )
    return [
        f"{label} {' '.join(_plain(value) for value in row)}"
        for label, row in zip(image.labels.tolist(), shares.tolist(), strict=True)
    ]


def _plain(value: float) -> str:
    """A share with as few digits as it needs, never in scientific notation."""
    return np.format_float_positional(round(value, DIGITS), trim="0")
