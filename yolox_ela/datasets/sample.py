"""Generating a small data set in VOC layout, to try training and evaluation without a download.

Its images show pictograms of the twenty classes on soft backgrounds. YOLOX-Nano learns them from
random weights in minutes on a CPU; scores on them say nothing about scores on photographs.
"""

import json
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.pictogram_pixels import render_pictogram
from yolox_ela.errors import UserError

VERSION = 1  # to be raised when the pictures change, so that older samples are recognised
RECORD = "sample.json"  # file with the settings, in VOCdevkit beside VOC2007

MIN_IMAGES = 8  # smallest number of images in a set in which every class occurs
OBJECTS_PER_IMAGE = (4, 3, 4, 2, 4, 3, 4, 1)  # repeated for all images, then shuffled
IMAGES_PER_NEGATIVE = 80  # one image in 80 has no objects, and at least one
OBJECTS_PER_DIFFICULT = 33  # one object in 33 is faded and marked difficult
IMAGE_SIDE = (176, 288)  # range of width and height in pixels
OBJECT_SIDE = (0.22, 0.55)  # range of an object's longer side over the mean side of its image
MAX_HIDDEN = 0.12  # largest share of the smaller of two boxes that the other overlaps


@dataclass(frozen=True)
class PlannedObject:
    """An object to render: its class, and whether it is faded and marked difficult."""

    name: str
    difficult: bool


@dataclass(frozen=True)
class Scene:
    """A rendered picture.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        boxes: (N, 4) int64 x1, y1, x2, y2 of each object's first and last visible pixels, counted
            from 0.
    """

    image: np.ndarray
    boxes: np.ndarray


def generate_sample(
    root: Path, *, train_images: int = 160, test_images: int = 40, seed: int = 0
) -> Path:
    """Generate the sample in `root`, or keep it if it is already there.

    Writes VOCdevkit/VOC2007 with the sets trainval and test. Images have 1 to 4 objects, classes
    are equally frequent, a few objects are marked difficult, and a few images are empty. The
    same arguments give the same files. The folder gets its name only when it is complete.

    Args:
        root: folder for VOCdevkit; it is created if necessary.
        train_images: number of images in trainval, 8 or more.
        test_images: number of images in test, 8 or more.
        seed: seed of the random generator, 0 or more.

    Returns:
        `root`.

    Raises:
        UserError: `root` holds another data set, or a sample generated with other arguments.
        ValueError: fewer than 8 images in a set.
    """
    if min(train_images, test_images) < MIN_IMAGES:
        raise ValueError(f"a sample needs {MIN_IMAGES} images a set, so that every class occurs")
    root = Path(root)
    settings = {"train_images": train_images, "test_images": test_images, "seed": seed}
    record = json.dumps({"version": VERSION, **settings}, indent=2) + "\n"
    devkit = root / "VOCdevkit"
    _refuse_other_data(root)
    if _holds(devkit, record):
        return root
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="generating-", dir=root) as temporary:
        unfinished = Path(temporary) / "VOCdevkit"
        _write_devkit(unfinished, train_images, test_images, seed)
        (unfinished / RECORD).write_text(record)
        try:
            unfinished.rename(devkit)
        except OSError:  # no error if another process has generated the same sample meanwhile
            if not _holds(devkit, record):
                raise
    return root


def _refuse_other_data(root: Path) -> None:
    """Raise UserError if `root` holds a data set in VOC layout other than a sample."""
    devkit = root / "VOCdevkit"
    others = [path for path in (root / "JPEGImages", root / "VOC2007") if path.exists()]
    if devkit.exists() and not (devkit / RECORD).is_file():
        others.append(devkit)
    if others:
        raise UserError(
            f"{others[0]} belongs to a data set that is not the generated sample; "
            "give another folder for the sample"
        )


def _holds(devkit: Path, record: str) -> bool:
    """Whether the folder holds the sample with these settings; UserError for other settings."""
    path = devkit / RECORD
    if path.is_file() and path.read_text() != record:
        raise UserError(
            f"{devkit} holds a sample generated with other settings (see {path}); "
            "delete that folder, or give another one for the sample"
        )
    return path.is_file()


def _write_devkit(devkit: Path, train_images: int, test_images: int, seed: int) -> None:
    """Write all files of the data set, the split files last."""
    folder = devkit / "VOC2007"
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    number = 0
    splits: dict[str, list[str]] = {}
    for index, (split, count) in enumerate((("trainval", train_images), ("test", test_images))):
        splits[split] = []
        plan = plan_split(count, np.random.default_rng((seed, index)))
        for objects in plan:
            number += 1
            image_id = f"{number:06d}"
            scene = render_scene(objects, np.random.default_rng((seed, index, number)))
            image = folder / "JPEGImages" / f"{image_id}.jpg"
            image.write_bytes(_jpeg(scene.image))
            annotation = folder / "Annotations" / f"{image_id}.xml"
            annotation.write_text(_annotation(image.name, scene, objects))
            splits[split].append(image_id)
    for split, ids in splits.items():
        path = folder / "ImageSets" / "Main" / f"{split}.txt"
        path.write_text("".join(f"{image_id}\n" for image_id in ids))


def plan_split(images: int, rng: np.random.Generator) -> list[list[PlannedObject]]:
    """The objects of each image; the numbers of objects of two classes differ by 1 at most."""
    negatives = max(1, images // IMAGES_PER_NEGATIVE)
    counts = [0] * negatives
    counts += [OBJECTS_PER_IMAGE[i % len(OBJECTS_PER_IMAGE)] for i in range(images - negatives)]
    rng.shuffle(counts)
    # Classes are dealt like cards: each of them once in every round, in random order.
    rounds = -(-sum(counts) // len(VOC_CLASSES))
    names = [str(name) for _ in range(rounds) for name in rng.permutation(VOC_CLASSES)]
    deck = (
        PlannedObject(name, difficult=i % OBJECTS_PER_DIFFICULT == OBJECTS_PER_DIFFICULT // 2)
        for i, name in enumerate(names)
    )
    return [[next(deck) for _ in range(count)] for count in counts]


def render_scene(objects: list[PlannedObject], rng: np.random.Generator) -> Scene:
    """Render objects on a random background, the largest first, with little overlap."""
    height, width = (int(side) for side in rng.integers(*IMAGE_SIDE, size=2, endpoint=True))
    canvas = _background(height, width, rng).astype(np.float32)
    owner = np.full((height, width), -1)  # index of the object that each pixel shows, or -1
    sides = np.sort(rng.uniform(*OBJECT_SIDE, size=len(objects)))[::-1] * (height + width) / 2
    taken: list[np.ndarray] = []
    for index, (planned, side) in enumerate(zip(objects, sides, strict=True)):
        paint, opacity, box = _place(planned.name, side, (height, width), taken, rng)
        taken.append(box)
        fade = rng.uniform(0.45, 0.6) if planned.difficult else 1.0
        window = np.s_[box[1] : box[3] + 1, box[0] : box[2] + 1]
        canvas[window] = canvas[window] * (1 - fade * opacity[..., None]) + fade * paint
        owner[window][opacity >= 0.5] = index
    boxes = [_bounds(owner == index) for index in range(len(objects))]
    image = np.rint(canvas).astype(np.uint8)
    return Scene(image, np.array(boxes, dtype=np.int64).reshape(-1, 4))


def _place(
    name: str,
    side: float,
    image_size: tuple[int, int],
    taken: list[np.ndarray],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pictogram and its box, reduced in size until it overlaps little of the other boxes."""
    while True:
        paint, opacity = render_pictogram(name, side, rng)
        height, width = opacity.shape
        for _ in range(20):
            x = rng.integers(0, image_size[1] - width, endpoint=True)
            y = rng.integers(0, image_size[0] - height, endpoint=True)
            box = np.array((x, y, x + width - 1, y + height - 1))
            if all(_hidden(box, other) <= MAX_HIDDEN for other in taken):
                return paint, opacity, box
        side *= 0.93


def _hidden(a: np.ndarray, b: np.ndarray) -> float:
    """The intersection of two boxes divided by the area of the smaller one."""
    overlap = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + 1
    areas = [np.prod(box[2:] - box[:2] + 1) for box in (a, b)]
    return float(np.prod(overlap.clip(min=0)) / min(areas))


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First and last column and row of a mask as x1, y1, x2, y2."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1], rows[-1]


def _background(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A muted colour with soft clouds and fine grain, (H, W, 3) uint8.

    Its pixels are brighter than the pictograms' outline.
    """
    hue, saturation, value = rng.integers((0, 15, 140), (180, 95, 215))
    colour = cv2.cvtColor(np.array([[[hue, saturation, value]]], np.uint8), cv2.COLOR_HSV2BGR)
    texture = colour.astype(np.float32)
    for cells, strength in ((3, 18), (9, 8)):
        clouds = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        texture = texture + cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 3, (height, width, 1))
    return np.clip(texture + grain, 80, 240).astype(np.uint8)


def _jpeg(image: np.ndarray) -> bytes:
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG")
    return encoded.tobytes()


def _annotation(filename: str, scene: Scene, objects: list[PlannedObject]) -> str:
    """VOC's XML, with coordinates counted from 1."""
    height, width, depth = scene.image.shape
    root = ET.Element("annotation")
    _add(root, folder="VOC2007", filename=filename)
    _add(ET.SubElement(root, "size"), width=width, height=height, depth=depth)
    _add(root, segmented=0)
    for planned, box in zip(objects, scene.boxes, strict=True):
        item = ET.SubElement(root, "object")
        _add(item, name=planned.name, pose="Unspecified", truncated=0)
        _add(item, difficult=int(planned.difficult))
        corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), box + 1, strict=True))
        _add(ET.SubElement(item, "bndbox"), **corners)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add(parent: ET.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ET.SubElement(parent, tag).text = str(text)
