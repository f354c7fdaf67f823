"""Finding a VOC data set below the given folder, or explaining how to arrange one."""

import os
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
    pairs = list(_annotated_folders(root))
    if pairs:
        raise UserError(message + _how_to_arrange(root, year, pairs))
    years = sorted(path.name[3:] for path in [*root.glob("VOC2*"), *root.glob("VOCdevkit/VOC2*")])
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


def _annotated_folders(root: Path) -> Iterator[tuple[Path, Path, list[str]]]:
    """Folders with XML files, at most two levels below `root`, and their images.

    Yields for each the folder that has images of the same names, possibly the same folder, and the
    suffixes of these images.
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
        stems = {stem for stem, suffixes in names[annotated].items() if ".xml" in suffixes}
        images = {
            folder: [
                suffix
                for stem in stems & of_folder.keys()
                for suffix in of_folder[stem]
                if suffix.lower() in IMAGE_SUFFIXES
            ]
            for folder, of_folder in names.items()
        }
        # The folder with the most images, or else the one that has the XML files.
        best = max(images, key=lambda folder: (len(images[folder]), folder == annotated))
        if images[best]:
            yield annotated, best, sorted(set(images[best]))


def _how_to_arrange(root: Path, year: str, pairs: Sequence[tuple[Path, Path, list[str]]]) -> str:
    """Commands that copy folders of images and XML into VOC's layout."""
    home = root / f"VOC{year}"
    parts = (home / "Annotations", home / "JPEGImages", home / "ImageSets" / "Main")
    annotations, pictures, lists = map(_quoted, parts)
    lines, names = [f"mkdir -p {annotations} {pictures} {lists}"], []
    for annotated, pictured, suffixes in pairs:
        is_test = annotated.name in ("test", "val", "valid")
        names.append(annotated.name if is_test else "trainval")
        images = " ".join(f"*{suffix}" for suffix in suffixes)
        listing = _listing(parts[2] / f"{names[-1]}.txt")
        lines += [
            f"(cd {_quoted(annotated)} && cp *.xml {annotations} && {listing})",
            f"(cd {_quoted(pictured)} && cp {images} {pictures})",
        ]
    found = ", ".join(str(annotated) for annotated, _, _ in pairs)
    return (
        f"there are images and XML of the same names, but no lists (ImageSets), in {found}. To "
        "arrange copies as VOC does:\n"
        + "\n".join(f"  {line}" for line in lines)
        + ("" if "test" in names else f"\nand move some of the lines into {parts[2]}/test.txt")
    )


def _listing(target: Path) -> str:
    """A command that adds the names of XML files, without suffix, to a list."""
    return f"ls *.xml | sed 's/\\.xml$//' >> {_quoted(target)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path.absolute()))
