"""Finding a VOC data set below the given folder, or explaining how to arrange one."""

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES

PARTS = ("Annotations", "ImageSets", "JPEGImages")
PICTURES = ("ImageSets", "JPEGImages")  # the folders of a test set without annotations


def find_voc_folder(root: Path, year: str, parts: Sequence[str] = PARTS) -> Path:
    """The folder with Annotations, ImageSets and JPEGImages for a year.

    Args:
        root: a VOCdevkit, its parent, or the folder itself (then the year is not checked).
        year: the year in the folder's name, usually four digits.
        parts: the subfolders that the folder must have.

    Raises:
        UserError: none of these has the VOC layout; the message says what is missing, and how to
            arrange it.
    """
    root = Path(root)
    places = (root / f"VOC{year}", root / "VOCdevkit" / f"VOC{year}", root)
    for folder in places:
        if all((folder / part).is_dir() for part in parts):
            return folder
    message = (
        f"no VOC{year} under {root}: expected {root}/VOCdevkit/VOC{year} with the folders "
        f"{', '.join(PARTS)}; "
    )
    for folder in places:
        present = [part for part in PARTS if (folder / part).is_dir()]
        if present:
            raise UserError(message + _what_is_missing(folder, present))
    years = voc_years(root)
    there = ", ".join(f"VOC{other}" for other in years) or "no other year"
    message += f"there is {there}. Give the folder that holds it with --data"
    if years:
        sets = f"train_sets {years[-1]}/train test_sets {years[-1]}/val"
        message += f", or name other sets, as in: {sets}"
    raise UserError(message)


def _what_is_missing(folder: Path, there: Sequence[str]) -> str:
    missing = [part for part in PARTS if part not in there]
    message = f"{folder} has {', '.join(there)}, but lacks {', '.join(missing)}"
    if missing != ["ImageSets"]:
        return message
    lists = folder / "ImageSets" / "Main"
    return (
        f"{message}. Make the list of image ids, one file name without its suffix a line, as in\n"
        f"  mkdir -p {_quoted(lists)}\n"
        f"  (cd {_quoted(folder / 'Annotations')} && {_listing(lists / 'trainval.txt')})\n"
        f"and move the lines of the images to test on into {lists}/test.txt"
    )


def voc_years(root: Path) -> list[str]:
    """The years of a VOCdevkit, of the folder that holds one, or of a single year's folder."""
    folders = [*root.glob("VOC2*"), *root.glob("VOCdevkit/VOC2*")]
    if not folders and (root / "ImageSets").is_dir():
        return [root.name[3:] if root.name.startswith("VOC2") else "2007"]
    return sorted({path.name[3:] for path in folders if path.is_dir()})


def split_names(folder: Path) -> list[str]:
    """The lists of a year's folder, without VOC's own lists for each class."""
    per_class = re.compile(r".*_(train|val|trainval|test)")
    names = (path.stem for path in (folder / "ImageSets" / "Main").glob("*.txt"))
    return sorted(name for name in names if not per_class.fullmatch(name))


def annotated_folders(root: Path) -> Iterator[tuple[Path, Path]]:
    """Folders with XML, at most two levels down, each with the folder that has images of the same
    names, which may be the same.
    """
    names: dict[Path, dict[str, set[str]]] = {}  # for each folder: suffixes by stem
    for place, folders, files in os.walk(root):
        folder = Path(place)
        if len(folder.relative_to(root).parts) == 2:
            folders.clear()
        of_folder = names.setdefault(folder, {})
        for file in map(PurePath, files):
            if not file.name.startswith("."):
                of_folder.setdefault(file.stem, set()).add(file.suffix)
    for annotated in sorted(names):
        stems = {
            stem
            for stem, suffixes in names[annotated].items()
            if ".xml" in {suffix.lower() for suffix in suffixes}
        }
        images = {
            folder: sum(
                any(suffix.lower() in IMAGE_SUFFIXES for suffix in of_folder[stem])
                for stem in stems & of_folder.keys()
            )
            for folder, of_folder in names.items()
        }
        # The folder with the most images, or else the one that has the XML files.
        best = max(images, key=lambda folder: (images[folder], folder == annotated))
        if images[best]:
            yield annotated, best


def _listing(target: Path) -> str:
    """A command that adds the names of XML files, without suffix, to a list."""
    return f"ls *.xml | sed 's/\\.xml$//' >> {_quoted(target)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path.absolute()))
