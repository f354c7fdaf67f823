"""A random test set with the statistics of VOC, and random detections like those of a network."""

from pathlib import Path

import cv2
import numpy as np

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections

YEAR, SPLIT = "2007", "test"


def random_objects(images: int, seed: int) -> VocSplit:
    """Random objects as in VOC2007: three per image, a third persons, a fifth difficult.

    Every class has an object that is not difficult.

    Args:
        images: number of images, half of them 500 x 375 pixels, half 375 x 500.
        seed: seed of the random generator.

    Raises:
        UserError: there are fewer images than classes.
    """
    if images < len(VOC_CLASSES):
        raise UserError(f"--images {images}: at least {len(VOC_CLASSES)}, one a class, are needed")
    rng = np.random.default_rng(seed)
    sizes = np.where(rng.random((images, 1)) < 0.5, [[500, 375]], [[375, 500]])
    counts = 1 + rng.poisson(2.0, images)
    owners = np.repeat(np.arange(images), counts)
    share = np.full(len(VOC_CLASSES), 2 / 3 / (len(VOC_CLASSES) - 1))
    share[VOC_CLASSES.index("person")] = 1 / 3
    theme = rng.choice(len(share), images, p=share)  # most objects of an image are of one class
    labels = rng.choice(len(share), len(owners), p=share)
    labels = np.where(rng.random(len(owners)) < 0.6, theme[owners], labels)
    difficult = rng.random(len(owners)) < 0.2
    offsets = np.concatenate([[0], np.cumsum(counts)])
    labels[offsets[: len(share)]] = np.arange(len(share))
    difficult[offsets[: len(share)]] = False
    return VocSplit(
        classes=VOC_CLASSES,
        ids=np.array([f"{i:06}" for i in range(1, images + 1)]),
        paths=np.array([f"{i:06}.jpg" for i in range(1, images + 1)]),
        sizes=sizes.astype(np.int32),
        offsets=offsets,
        boxes=_boxes(rng, sizes[owners]).round().astype(np.float32),
        labels=labels.astype(np.int64),
        difficult=difficult,
    )


def _boxes(rng: np.random.Generator, sizes: np.ndarray) -> np.ndarray:
    """(N, 4) boxes of all sizes, inside images of (N, 2) width and height."""
    sides = np.exp(rng.normal(np.log(0.3), 0.7, sizes.shape)).clip(0.03, 1) * (sizes - 1)
    corners = rng.random(sizes.shape) * (sizes - 1 - sides)
    return np.concatenate([corners, corners + sides], axis=1)


def random_detections(split: VocSplit, per_image: int, seed: int) -> Detections:
    """Random detections as with a score threshold near 0: few good ones and many false ones.

    All scores are different, so that the evaluators' treatment of equal scores does not matter.

    Args:
        split: the objects, at least one in each image.
        per_image: number of detections in each image.
        seed: seed of the random generator.
    """
    rng = np.random.default_rng(seed)
    images = np.repeat(np.arange(len(split)), per_image)
    n = len(images)
    counts = np.diff(split.offsets)[images]
    objects = split.offsets[images] + (rng.random(n) * counts).astype(np.int64)
    near = rng.random(n) < 0.2
    # Each corner is shifted by a share of the box's side, which is mostly small.
    boxes = split.boxes[objects].astype(np.float64)
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    error = rng.exponential(0.1, (n, 1))
    boxes = np.where(near[:, None], boxes + sides * error * rng.normal(size=(n, 4)), 0.0)
    far = ~near
    boxes[far] = _boxes(rng, split.sizes[images[far]])
    limits = np.tile(split.sizes[images] - 1, 2)
    boxes = np.sort(boxes.clip(0, limits).reshape(n, 2, 2), axis=1).reshape(n, 4)
    # Most false detections, too, have the class of an object in the image.
    other = rng.integers(len(split.classes), size=n)
    labels = np.where(rng.random(n) < np.where(near, 0.9, 0.5), split.labels[objects], other)
    quality = rng.normal(size=n) + np.where(near, 2.5 - 6 * error[:, 0], 0.0)
    scores = np.empty(n)
    scores[np.argsort(quality)] = ((np.arange(n) + 0.5) / n) ** 4  # most are low
    order = np.lexsort((-scores, images))  # the order after non-maximum suppression
    return Detections(
        images[order],
        boxes[order].astype(np.float32),
        scores[order].astype(np.float32),
        labels[order],
    )


def write_voc(split: VocSplit, root: Path) -> None:
    """Write a VOCdevkit with the annotations of a split, and black images of their sizes."""
    folder = root / f"VOC{YEAR}"
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (folder / part).mkdir(parents=True)
    (folder / "ImageSets" / "Main" / f"{SPLIT}.txt").write_text("\n".join(split.ids) + "\n")
    pictures = {}
    for image, name in enumerate(split.ids.tolist()):
        width, height = split.sizes[image].tolist()
        if (width, height) not in pictures:
            black = np.zeros((height, width, 3), np.uint8)
            pictures[width, height] = cv2.imencode(".jpg", black)[1].tobytes()
        (folder / "JPEGImages" / f"{name}.jpg").write_bytes(pictures[width, height])
        xml = _xml(split, image, name, width, height)
        (folder / "Annotations" / f"{name}.xml").write_text(xml)


def _xml(split: VocSplit, image: int, name: str, width: int, height: int) -> str:
    rows = split.objects(image)
    objects = "".join(
        f"<object><name>{split.classes[label]}</name><pose>Unspecified</pose>"
        f"<truncated>0</truncated><difficult>{int(difficult)}</difficult><bndbox>"
        f"<xmin>{box[0]:.0f}</xmin><ymin>{box[1]:.0f}</ymin>"
        f"<xmax>{box[2]:.0f}</xmax><ymax>{box[3]:.0f}</ymax></bndbox></object>\n"
        for label, difficult, box in zip(
            split.labels[rows], split.difficult[rows], split.boxes[rows] + 1, strict=True
        )
    )
    return (
        f"<annotation><folder>VOC{YEAR}</folder><filename>{name}.jpg</filename>"
        f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        f"{objects}</annotation>\n"
    )
