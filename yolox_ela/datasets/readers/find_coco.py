"""Which JSON files of a folder are COCO's annotations, and where their images may lie."""

from pathlib import Path

from yolox_ela.datasets.readers.coco import CocoReader
from yolox_ela.datasets.readers.coco_file import CocoFile, read_coco_json
from yolox_ela.errors import UserError

ROBOFLOW = "_annotations.coco.json"


def find_coco(root: Path) -> CocoReader | None:
    """The sets of COCO JSON files in a folder, or of one file; None if there are none.

    Raises:
        UserError: a file that was named is not one of COCO's annotations.
    """
    if root.is_file():
        home = root.parent.parent if root.parent.name == "annotations" else root.parent
        read_coco_json(root)  # raises where it is something else
        file = CocoFile(root, _image_folders(home, root, _set_name(root)))
        return CocoReader(home, {_set_name(root): file}, root)
    telling = ("annotations/instances_*.json", "annotations/image_info_*.json")
    paths = [
        p for pattern in (*telling, f"*/{ROBOFLOW}", ROBOFLOW) for p in sorted(root.glob(pattern))
    ]
    if not paths:
        others = [*root.glob("annotations/*.json"), *root.glob("*.json"), *root.glob("*/*.json")]
        paths = sorted(path for path in others if _looks_like_coco(path))
    places: dict[str, Path] = {}
    for path in paths:
        name = _set_name(path)
        if name in places:
            raise UserError(
                f"{places[name]} and {path} would both be the set '{name}': give one of them with "
                "--data"
            )
        places[name] = path
    files = {
        name: CocoFile(path, _image_folders(root, path, name)) for name, path in places.items()
    }
    return CocoReader(root, files, root) if files else None


def _set_name(path: Path) -> str:
    """What the set of a JSON file is called: COCO's names, and the folders of others."""
    if path.name == ROBOFLOW:
        return path.parent.name
    stem = path.stem.removeprefix("instances_").removeprefix("image_info_")
    generic = stem.lower() in ("annotations", "result", "labels", "default", "coco")
    return path.parent.name if generic and path.parent.name != "annotations" else stem


def _image_folders(root: Path, path: Path, name: str) -> list[Path]:
    """Where the images of a JSON file may lie, those of its own set first."""
    beside = [path.parent, path.parent / "images"] if path.parent.name != "annotations" else []
    places = [
        root / name,
        root / "images" / name,
        root / name / "images",
        *beside,
        root / "images",
        root / "data",
        root,
    ]
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def _looks_like_coco(path: Path) -> bool:
    """Whether a JSON file without a telling name has images and categories."""
    try:
        read_coco_json(path)
    except UserError:
        return False
    return True
