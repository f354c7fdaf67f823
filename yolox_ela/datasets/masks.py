"""Data for segmentation: a folder of VOC, with photographs, masks and lists of both.

    DATA/JPEGImages/ID.jpg, DATA/SegmentationClass/ID.png, DATA/ImageSets/Segmentation/SET.txt

DATA may also be a VOCdevkit, of which the newest year with masks is taken. A mask's values are
numbers of classes, 0 is the background, and 255 is ignored.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from yolox_ela.datasets.lists import read_lines
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.photos import Photos, verified
from yolox_ela.errors import UserError
from yolox_ela.images.read import image_size

IGNORED = 255
BACKGROUND = "background"
MASKS, IMAGES, LISTS = "SegmentationClass", "JPEGImages", Path("ImageSets") / "Segmentation"


def load_masks(
    data: Path, classes: Sequence[str], train_set: str, test_set: str
) -> tuple[Photos, Photos]:
    """The photographs and masks to train and to evaluate on; every one is read once.

    Args:
        data: the folder.
        classes: names of the masks' values from 0 on; by default the background and VOC's classes.
        train_set: name of the list of images to train on.
        test_set: name of the list of images to evaluate on.

    Raises:
        UserError: a folder, a list or a file is missing or damaged, or a mask has another size than
            its photograph or values that are no classes.
    """
    found = [load_mask_set(data, classes, name) for name in (train_set, test_set)]
    both = set(found[0].ids.tolist()) & set(found[1].ids.tolist())
    if both and train_set != test_set:
        raise UserError(
            f"{len(both)} images are both in {train_set} and in {test_set} (first: {min(both)}): "
            "evaluate on others than are trained on"
        )
    return found[0], found[1]


def read_mask(path: Path) -> np.ndarray:
    """(H, W) uint8 classes of a mask: a PNG with a palette, or in grey."""
    with Image.open(path) as image:
        if image.mode not in ("P", "L"):
            raise UserError(
                f"the mask {path} has the mode {image.mode}: save it as PNG with a palette or in "
                "grey, whose values are numbers of classes"
            )
        return np.array(image)


def _folder(data: Path) -> Path:
    """The folder with the photographs and masks."""
    if (data / MASKS).is_dir():
        return data
    inside = data / "VOCdevkit" if (data / "VOCdevkit").is_dir() else data
    years = sorted(path for path in inside.glob("VOC[0-9]*") if (path / MASKS).is_dir())
    if not years:
        raise UserError(
            f"{data} has no masks of segmentation: no folder {MASKS} beside {IMAGES}; name the "
            "folder of VOC with --data"
        )
    return years[-1]


def load_mask_set(data: Path, classes: Sequence[str], name: str) -> Photos:
    """The photographs and masks of one list, `name`; the others are those of `load_masks`."""
    folder = _folder(data)
    names = tuple(classes) or (BACKGROUND, *VOC_CLASSES)
    listing = folder / LISTS / f"{name}.txt"
    if not listing.is_file():
        there = sorted(path.stem for path in (folder / LISTS).glob("*.txt"))
        raise UserError(
            f"no set '{name}' of segmentation in {folder / LISTS}; it has "
            f"{', '.join(there) or 'no lists'}"
        )
    ids = [line for line in read_lines(listing) if line]
    if not ids:
        raise UserError(f"{listing} names no images")
    first, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise UserError(f"{listing} names {first} {count} times: name each image once")
    paths = [folder / IMAGES / f"{image_id}.jpg" for image_id in ids]
    masks = [folder / MASKS / f"{image_id}.png" for image_id in ids]
    for path in (*paths, *masks):
        if not path.is_file():
            raise UserError(f"{listing} names {path.stem}, and there is no {path}")
    photos = verified(names, ids, paths, np.full(len(ids), -1), masks)
    pairs = zip(paths, masks, strict=True)
    if not sum(_labelled_pixels(path, mask, len(names)) for path, mask in pairs):
        raise UserError(
            f"the masks of {listing} have no value but {IGNORED}, which is ignored: there is "
            "nothing to learn or to score in them"
        )
    return photos


def _labelled_pixels(path: Path, mask: Path, classes: int) -> int:
    """The number of a mask's pixels that have a class; UserError unless it fits its photograph."""
    values = read_mask(mask)
    size = image_size(path)
    if values.shape != (size[1], size[0]):
        raise UserError(
            f"the mask {mask} has {values.shape[1]} x {values.shape[0]} pixels, and its photograph "
            f"{size[0]} x {size[1]}"
        )
    wrong = np.setdiff1d(np.unique(values), [*range(classes), IGNORED])
    if len(wrong):
        raise UserError(
            f"the mask {mask} has the value {wrong[0]}, which is none of the {classes} classes (0 "
            f"to {classes - 1}) and not {IGNORED}, which is ignored: name all with classes"
        )
    return int((values != IGNORED).sum())
