"""A VOCdevkit: Annotations, ImageSets/Main and JPEGImages for each year.

Its XML counts pixels from 1 and names the last pixel of a box; numbers here are those that
`VocReader` reads, plus 1. A right edge on the image's own edge, which COCO and YOLO have, therefore
becomes the last pixel.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from yolox_ela.datasets.annotation import CORNERS
from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.names import role_of
from yolox_ela.datasets.writers.writer import WrittenSet, not_text

YEAR = "2007"  # of data that have none
DECIMALS = 4  # of a coordinate in pixels
NAMES = ("train", "val", "trainval", "test")
# Characters that XML 1.0 does not have.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class VocWriter:
    """See `Writer`. A set without annotations gets a list and no XML.

    VOC has no list of classes; classes.txt, beside the VOCdevkit, keeps their order.
    """

    layout = "VOCdevkit"
    shares_names = True

    def set_names(self, names: Sequence[str]) -> dict[str, str]:
        """See `Writer`; years are kept, and train2017 becomes 2007/train."""
        roles = [_plain_name(name) for name in names]
        return {
            name: name
            if re.fullmatch(r"\d{4}/[^/]+", name)
            else f"{YEAR}/{plain if roles.count(plain) == 1 else _unlike_class_lists(name)}"
            for name, plain in zip(names, roles, strict=True)
        }

    def held(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> dict[str, WrittenSet]:
        """See `Writer`."""
        return {
            name: replace(of_set, images=[within_voc(image) for image in of_set.images])
            for name, of_set in sets.items()
        }

    def unwritable(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> str:
        """See `Writer`."""
        for name in classes:
            if NO_XML.search(name):
                return f"the class {name!r} has a character that XML cannot hold"
        ids = [image.id for of_set in sets.values() for image in of_set.images]
        for image_id in ids:
            if image_id.splitlines() != [image_id.strip()] or NO_XML.search(image_id):
                return f"the image {image_id!r} cannot stand in a list of one name a line"
        return not_text([*classes, *ids])

    def image_file(self, folder: Path, set_name: str, image: CheckedImage) -> Path:
        """See `Writer`."""
        name = f"{image.id}{image.path.suffix}"
        return _of_year(folder, set_name) / "JPEGImages" / name

    def write(
        self,
        folder: Path,
        sets: Mapping[str, WrittenSet],
        classes: Sequence[str],
        categories: Mapping[str, int],
    ) -> None:
        """See `Writer`."""
        for name, of_set in sets.items():
            year = _of_year(folder, name)
            lists = year / "ImageSets" / "Main"
            for place in (lists, year / "Annotations"):
                place.mkdir(parents=True, exist_ok=True)
            lines = "".join(f"{image.id}\n" for image in of_set.images)
            (lists / f"{name.partition('/')[2]}.txt").write_text(lines, encoding="utf-8")
            for image in of_set.images if of_set.annotated else ():
                xml = year / "Annotations" / f"{image.id}.xml"
                xml.parent.mkdir(parents=True, exist_ok=True)
                xml.write_text(annotation_text(image, year.name, classes), encoding="utf-8")
        text = "".join(f"{name}\n" for name in classes)
        (folder / "classes.txt").write_text(text, encoding="utf-8")

    def notes(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> list[str]:
        """See `Writer`."""
        images = {image.id: image for of_set in sets.values() for image in of_set.images}
        boxes = np.concatenate([image.boxes for image in images.values()])
        decimals = int((boxes % 1 != 0).any(axis=1).sum())
        if not decimals:
            return []
        return [
            f"{decimals} boxes have decimals, which this package reads and programs that expect "
            "whole numbers may refuse or cut off"
        ]


def _plain_name(name: str) -> str:
    """train, val or test for names that begin so."""
    return name if name in NAMES else role_of(name) or _unlike_class_lists(name)


def _unlike_class_lists(name: str) -> str:
    """The name without slashes, and unlike cat_train, which would be VOC's list of a class."""
    return name.replace("/", "-").replace("_", "-")


def _of_year(folder: Path, set_name: str) -> Path:
    return folder / "VOCdevkit" / f"VOC{set_name.partition('/')[0]}"


def within_voc(image: CheckedImage) -> CheckedImage:
    """Boxes within the pixels of the image, none of them a part of a pixel, without crowds."""
    last = np.array([*image.size, *image.size]) - 1
    boxes = np.minimum(image.boxes, last).round(DECIMALS)
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
    keep = ~image.crowd & (sides >= 1)
    return replace(
        image,
        boxes=boxes[keep],
        labels=image.labels[keep],
        difficult=image.difficult[keep],
        crowd=image.crowd[keep],
        number=-1,
    )


def annotation_text(image: CheckedImage, folder: str, classes: Sequence[str]) -> str:
    """VOC's XML of an image of `within_voc`, its coordinates counted from 1."""
    root = ET.Element("annotation")
    _add(root, folder=folder, filename=f"{image.id}{image.path.suffix}".rpartition("/")[2])
    _add(ET.SubElement(root, "size"), width=image.size[0], height=image.size[1], depth=3)
    _add(root, segmented=0)
    rows = zip(image.boxes, image.labels, image.difficult, strict=True)
    for box, label, difficult in rows:
        item = ET.SubElement(root, "object")
        _add(item, name=classes[label], pose="Unspecified", truncated=0, difficult=int(difficult))
        texts = (np.format_float_positional(v, trim="-") for v in (box + 1).round(DECIMALS))
        _add(ET.SubElement(item, "bndbox"), **dict(zip(CORNERS, texts, strict=True)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add(parent: ET.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ET.SubElement(parent, tag).text = str(text)
