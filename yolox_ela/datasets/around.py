"""The data set around a place: told by names alone, before anything is imported to read data."""

from pathlib import Path

from yolox_ela.errors import UserError

SETS = ("train", "valid", "val", "test")
PICTURES = (".jpg", ".jpeg", ".png", ".JPG")


def require_outside_data(option: str, path: Path) -> None:
    """Make sure that nothing is written into a data set.

    Args:
        option: the option that names another place.
        path: a file or folder that is to be written.

    Raises:
        UserError: it lies inside a data set, or is one.
    """
    real = path.resolve()
    for folder in (real, *real.parents):
        if _is_data_set(folder):
            raise UserError(
                f"{path} lies inside the data set {folder}, which is only read: name a place "
                f"elsewhere with {option}"
            )


def _is_data_set(folder: Path) -> bool:
    voc = folder.name == "VOCdevkit" and any(folder.glob("VOC2*"))
    coco = any(folder.glob("annotations/instances_*.json"))
    return voc or coco or _is_set(folder) or any(_is_set(folder / name) for name in SETS)


def _is_set(folder: Path) -> bool:
    """Whether a folder has pictures with what is on them."""
    pairs = (("JPEGImages", "Annotations"), ("JPEGImages", "ImageSets"), ("images", "labels"))
    if any(all((folder / name).is_dir() for name in pair) for pair in pairs):
        return True
    if (folder / "_annotations.coco.json").is_file():
        return True
    first = next(folder.glob("*.xml"), None)
    return first is not None and any(first.with_suffix(kind).is_file() for kind in PICTURES)
