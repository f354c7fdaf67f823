"""A small VOC data set that a test writes image by image, and the real one of ../shared."""

import numpy as np
import pytest
from loguru import logger
from PIL import Image

CORNERS = ("xmin", "ymin", "xmax", "ymax")


class VocWriter:
    """Writes VOCdevkit/VOC<year> under `root`."""

    def __init__(self, root, year="2007"):
        self.root = root
        self.folder = root / "VOCdevkit" / f"VOC{year}"
        for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
            (self.folder / part).mkdir(parents=True)

    def add(self, image_id, objects=(), *, size=(60, 40), suffix=".jpg", split="trainval"):
        """An image of blurred noise, its annotation, and its line in the split file.

        An object is (name, xmin, ymin, xmax, ymax), or with a difficult flag at the end.
        """
        noise = np.random.default_rng(list(image_id.encode())).integers(0, 256, (4, 6, 3))
        picture = Image.fromarray(noise.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        picture.save(self.image(image_id, suffix))
        self.annotate(image_id, *(object_xml(*item) for item in objects), size=size)
        with self.split(split).open("a") as file:
            file.write(f"{image_id}\n")

    def annotate(self, image_id, *parts, size=(60, 40)):
        """Replace an annotation by one with these pieces of XML; `size=None` leaves <size> out."""
        if size is not None:
            width, height = size
            parts = (f"<size><width>{width}</width><height>{height}</height></size>", *parts)
        self.xml(image_id).write_text(f"<annotation>{''.join(parts)}</annotation>")

    def image(self, image_id, suffix=".jpg"):
        return self.folder / "JPEGImages" / f"{image_id}{suffix}"

    def xml(self, image_id):
        return self.folder / "Annotations" / f"{image_id}.xml"

    def split(self, name="trainval"):
        return self.folder / "ImageSets" / "Main" / f"{name}.txt"

    def files(self):
        """Content and time of change of every file and folder below `root`."""
        return {
            path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
            for path in self.root.rglob("*")
        }


def object_xml(name, xmin, ymin, xmax, ymax, difficult=0, parts=""):
    corners = zip(CORNERS, (xmin, ymin, xmax, ymax), strict=True)
    box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"{parts}<bndbox>{box}</bndbox></object>"
    )


@pytest.fixture(scope="session")
def voc_writer():
    return VocWriter


@pytest.fixture
def voc(tmp_path):
    return VocWriter(tmp_path)


@pytest.fixture
def warnings():
    """Messages that a user sees on the screen."""
    seen = []
    handler = logger.add(lambda message: seen.append(message.record["message"]), level="WARNING")
    yield seen
    logger.remove(handler)
