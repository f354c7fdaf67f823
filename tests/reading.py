"""Reading the small VOC data set that a test writes, and the XML of its objects."""

from PIL import Image

from yolox_ela.datasets.load import load_split

CLASSES = ("car", "dog", "person")
TRAINVAL = ["2007/trainval"]
CAR = ("car", 11, 6, 30, 20)


def load(voc, sets=TRAINVAL):
    return load_split(voc.root, sets, CLASSES)


def object_in(box, *, name="car", inside=""):
    return f"<object><name>{name}</name>{inside}{box}</object>"


def box_xml(*corners):
    tags = ("xmin", "ymin", "xmax", "ymax")
    inside = "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(tags, corners, strict=True))
    return f"<bndbox>{inside}</bndbox>"


def turned(path, orientation):
    """Give an image file an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.open(path).save(path, exif=exif)
