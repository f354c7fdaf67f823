"""COCO JSON as COCO has it: annotations/instances_NAME.json and the images in NAME/."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.writers.writer import WrittenSet, not_text

DECIMALS = 6  # of a coordinate in pixels


class CocoWriter:
    """See `Writer`. A set without annotations becomes annotations/image_info_NAME.json."""

    layout = "COCO JSON"
    shares_names = False

    def set_names(self, names: Sequence[str]) -> dict[str, str]:
        """See `Writer`; VOC's 2007/trainval becomes trainval, or trainval2007 among several."""
        plain = {name: name.rpartition("/")[2] for name in names}
        if len(set(plain.values())) == len(names):
            return plain
        return {name: "".join(reversed(name.split("/"))) for name in names}

    def held(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> dict[str, WrittenSet]:
        """See `Writer`; images keep their numbers where all have one of their own."""
        result = {}
        for name, of_set in sets.items():
            numbers = [image.number for image in of_set.images]
            if min(numbers, default=-1) < 0 or len(set(numbers)) != len(numbers):
                numbers = list(range(1, len(numbers) + 1))
            images = [
                replace(
                    image,
                    boxes=image.boxes.round(DECIMALS),
                    difficult=np.zeros(len(image.labels), bool),
                    number=number,
                )
                for image, number in zip(of_set.images, numbers, strict=True)
            ]
            result[name] = replace(of_set, images=images)
        return result

    def unwritable(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> str:
        """See `Writer`."""
        return not_text([*classes, *(i.id for of_set in sets.values() for i in of_set.images)])

    def image_file(self, folder: Path, set_name: str, image: CheckedImage) -> Path:
        """See `Writer`."""
        return folder / set_name / f"{image.id}{image.path.suffix}"

    def write(
        self,
        folder: Path,
        sets: Mapping[str, WrittenSet],
        classes: Sequence[str],
        categories: Mapping[str, int],
    ) -> None:
        """See `Writer`; classes are numbered from 1 unless all have a number in ascending order."""
        numbers = [categories.get(name, 0) for name in classes]
        if not all(a < b for a, b in zip([0, *numbers], numbers, strict=False)):
            numbers = list(range(1, len(classes) + 1))
        (folder / "annotations").mkdir()
        for name, of_set in sets.items():
            content: dict[str, Any] = {
                "images": [_image(image) for image in of_set.images],
                "categories": [
                    {"id": number, "name": text, "supercategory": ""}
                    for number, text in zip(numbers, classes, strict=True)
                ],
            }
            if of_set.annotated:
                rows = (row for image in of_set.images for row in _annotations(image, numbers))
                content["annotations"] = [{"id": at} | row for at, row in enumerate(rows, 1)]
            kind = "instances" if of_set.annotated else "image_info"
            path = folder / "annotations" / f"{kind}_{name}.json"
            path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    def notes(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> list[str]:
        """See `Writer`."""
        return []


def _image(image: CheckedImage) -> dict[str, Any]:
    return {
        "id": image.number,
        "file_name": f"{image.id}{image.path.suffix}",
        "width": int(image.size[0]),
        "height": int(image.size[1]),
    }


def _annotations(image: CheckedImage, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The objects of an image, without ids; a box is x, y, width, height."""
    rows = []
    for box, label, crowd in zip(image.boxes, image.labels, image.crowd, strict=True):
        x, y = box[:2]
        width, height = box[2:] - box[:2]
        rows.append(
            {
                "image_id": image.number,
                "category_id": numbers[label],
                "bbox": [_plain(value) for value in (x, y, width, height)],
                "area": _plain(width * height),
                "iscrowd": int(crowd),
                "segmentation": [],
            }
        )
    return rows


def _plain(value: float) -> int | float:
    """A number with as few digits as it needs."""
    value = round(float(value), DECIMALS)
    return int(value) if value.is_integer() else value
