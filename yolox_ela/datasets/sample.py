"""A small drawn data set in VOC layout, for trying training and evaluation without a download.

Pictograms of the twenty classes over soft backgrounds. YOLOX-Nano learns it from scratch in
minutes on a CPU; scores on it say nothing about scores on photographs.
"""

import json
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.pictograms import draw_pictogram
from yolox_ela.errors import UserError

VERSION = 1  # raised when pictures change, so that older samples are not taken for the same
RECORD = "sample.json"  # in VOCdevkit, beside VOC2007

MIN_IMAGES = 8  # a set, so that every class occurs
OBJECTS_PER_IMAGE = (4, 3, 4, 2, 4, 3, 4, 1)  # dealt in turn, then shuffled
IMAGES_PER_NEGATIVE = 80  # one image without objects in each so many, and one at least
OBJECTS_PER_DIFFICULT = 33  # one object in so many is faded and marked difficult
IMAGE_SIDE = (176, 288)  # pixels
OBJECT_SIDE = (0.22, 0.55)  # longer side of an object to the mean side of its image
MAX_HIDDEN = 0.12  # of the smaller of two boxes


@dataclass(frozen=True)
class PlannedObject:
    """What to draw: a class and whether it shall be hard to see."""

    name: str
    difficult: bool


@dataclass(frozen=True)
class Scene:
    """A drawn picture.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        boxes: one row x1, y1, x2, y2 for each object, the first and last painted pixel counted
            from 0.
    """

    image: np.ndarray
    boxes: np.ndarray


def draw_sample(
    root: Path, *, train_images: int = 160, test_images: int = 40, seed: int = 0
) -> Path:
    """Draw the sample under `root`, or keep it if it is already there.

    Writes VOCdevkit/VOC2007 with the sets trainval and test: 1 to 4 objects an image, each class
    as often as the others, a few objects marked difficult, a few images without objects. The
    same arguments give the same files. The folder appears under its name only when complete.

    Args:
        root: folder to hold VOCdevkit, made if needed.
        train_images: images of trainval, 8 or more.
        test_images: images of test, 8 or more.
        seed: 0 or more; another seed gives other pictures.

    Returns:
        `root`.

    Raises:
        UserError: `root` holds another data set, or a sample drawn with other arguments.
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
    with tempfile.TemporaryDirectory(prefix="drawing-", dir=root) as temporary:
        drawing = Path(temporary) / "VOCdevkit"
        _draw_devkit(drawing, train_images, test_images, seed)
        (drawing / RECORD).write_text(record)
        try:
            drawing.rename(devkit)
        except OSError:  # fine if another process drew the same one meanwhile
            if not _holds(devkit, record):
                raise
    return root


def _refuse_other_data(root: Path) -> None:
    """Raise a UserError if a data set in VOC layout other than a sample lies in `root`."""
    devkit = root / "VOCdevkit"
    others = [path for path in (root / "JPEGImages", root / "VOC2007") if path.exists()]
    if devkit.exists() and not (devkit / RECORD).is_file():
        others.append(devkit)
    if others:
        raise UserError(
            f"{others[0]} belongs to a data set that is not the drawn sample; "
            "give another folder for the sample"
        )


def _holds(devkit: Path, record: str) -> bool:
    """Whether the sample of this record is there; False if none is."""
    path = devkit / RECORD
    if path.is_file() and path.read_text() != record:
        raise UserError(
            f"{devkit} holds a sample drawn with other settings (see {path}); "
            "delete that folder, or give another one for the sample"
        )
    return path.is_file()


def _draw_devkit(devkit: Path, train_images: int, test_images: int, seed: int) -> None:
    """All files of the data set, the split files after the images that they name."""
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
            scene = draw_scene(objects, np.random.default_rng((seed, index, number)))
            image = folder / "JPEGImages" / f"{image_id}.jpg"
            image.write_bytes(_jpeg(scene.image))
            annotation = folder / "Annotations" / f"{image_id}.xml"
            annotation.write_text(_annotation(image.name, scene, objects))
            splits[split].append(image_id)
    for split, ids in splits.items():
        path = folder / "ImageSets" / "Main" / f"{split}.txt"
        path.write_text("".join(f"{image_id}\n" for image_id in ids))


def plan_split(images: int, rng: np.random.Generator) -> list[list[PlannedObject]]:
    """The objects of each image; numbers of any two classes differ by one at most."""
    negatives = max(1, images // IMAGES_PER_NEGATIVE)
    counts = [0] * negatives
    counts += [OBJECTS_PER_IMAGE[i % len(OBJECTS_PER_IMAGE)] for i in range(images - negatives)]
    rng.shuffle(counts)
    # Like cards: every class once, in a new order each round.
    rounds = -(-sum(counts) // len(VOC_CLASSES))
    names = [str(name) for _ in range(rounds) for name in rng.permutation(VOC_CLASSES)]
    deck = (
        PlannedObject(name, difficult=i % OBJECTS_PER_DIFFICULT == OBJECTS_PER_DIFFICULT // 2)
        for i, name in enumerate(names)
    )
    return [[next(deck) for _ in range(count)] for count in counts]


def draw_scene(objects: list[PlannedObject], rng: np.random.Generator) -> Scene:
    """Draw objects over a new background, largest first, where they hide little of each other."""
    height, width = (int(side) for side in rng.integers(*IMAGE_SIDE, size=2, endpoint=True))
    canvas = _background(height, width, rng).astype(np.float32)
    owner = np.full((height, width), -1)  # which object each pixel shows
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
    """A pictogram and a box for it; drawn smaller step by step until there is room."""
    while True:
        paint, opacity = draw_pictogram(name, side, rng)
        height, width = opacity.shape
        for _ in range(20):
            x = rng.integers(0, image_size[1] - width, endpoint=True)
            y = rng.integers(0, image_size[0] - height, endpoint=True)
            box = np.array((x, y, x + width - 1, y + height - 1))
            if all(_hidden(box, other) <= MAX_HIDDEN for other in taken):
                return paint, opacity, box
        side *= 0.93


def _hidden(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection of two boxes over the area of the smaller."""
    overlap = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + 1
    areas = [np.prod(box[2:] - box[:2] + 1) for box in (a, b)]
    return float(np.prod(overlap.clip(min=0)) / min(areas))


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First and last column and row of a mask as x1, y1, x2, y2."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1], rows[-1]


def _background(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A muted colour with soft clouds and fine grain, (H, W, 3) uint8.

    Its pixels stay brighter than the pictograms' outline.
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
