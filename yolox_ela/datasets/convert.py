"""A data set written anew in one of the formats: images as they are, boxes as they are read.

The folder appears when everything is written and has been read back with the same objects. What is
kept are images, boxes, classes, and the marks of difficult objects and of regions of many where the
format has them; masks, key points and other attributes are not read in the first place.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.lists import composed
from yolox_ela.datasets.problems import Severity
from yolox_ela.datasets.readers.reader import Reader, ReadSet
from yolox_ela.datasets.recognise import open_data
from yolox_ela.datasets.verification import real_path
from yolox_ela.datasets.whole import with_unique_ids
from yolox_ela.datasets.writers.coco import CocoWriter
from yolox_ela.datasets.writers.voc import VocWriter
from yolox_ela.datasets.writers.writer import Writer, WrittenSet, safe_id
from yolox_ela.datasets.writers.yolo import YoloWriter
from yolox_ela.errors import UserError
from yolox_ela.system.files import held_folder, remove_leftovers, require_space

WRITERS: dict[str, Writer] = {"voc": VocWriter(), "coco": CocoWriter(), "yolo": YoloWriter()}
TOLERANCE = 1e-3  # pixels between a box and the same box read back
SHOWN = 3  # names in a note


def write_data(
    writer: Writer,
    out: Path,
    read: Mapping[str, ReadSet],
    classes: Sequence[str],
    *,
    root: Path,
    placing: str = "copy",
) -> list[str]:
    """Write sets as a new data set.

    Args:
        writer: the writer of the target format.
        out: the folder to be made; it must not exist, or be empty.
        read: the sets by their names.
        classes: the class names that labels index.
        root: where the sets were read from.
        placing: `copy`, or `hardlink` or `symlink` to each image, which shares its content.

    Returns:
        What the format cannot hold, and what readers of it should know; a sentence each.

    Raises:
        UserError: the folder cannot be used, or the format cannot write a name; nothing is left.
    """
    require_new_folder(out, root)
    classes = [composed(name) for name in classes]
    wanted, notes = _named(writer, read)
    fault = writer.unwritable(wanted, classes)
    if fault:
        raise UserError(f"cannot write {root} as {writer.layout}: {fault}; rename it")
    sets = writer.held(wanted, classes)
    notes += [*_losses(writer, wanted, sets), *writer.notes(sets, classes)]
    categories = _categories(read.values())
    temporary = out.absolute().with_name(f".{out.absolute().name}.{secrets.token_hex(4)}.tmp")
    try:
        if placing == "copy":
            paths = {image.path for of_set in sets.values() for image in of_set.images}
            require_space(temporary, sum(path.stat().st_size for path in paths))
        remove_leftovers(out.absolute().parent, f"{out.absolute().name}.")
        with held_folder(temporary):
            for name, of_set in sets.items():
                for image in of_set.images:
                    place_image(image.path, writer.image_file(temporary, name, image), placing)
            writer.write(temporary, sets, classes, categories)
            notes += _read_back(temporary, writer, sets, classes)
            if out.is_dir():
                out.rmdir()
            temporary.rename(out.absolute())
    except OSError as error:
        raise UserError(f"cannot write {out}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return notes


def writer_of(reader: Reader) -> Writer:
    """The writer of the format that a data set is in; folders of XML become a VOCdevkit."""
    layouts = {writer.layout: writer for writer in WRITERS.values()}
    return layouts.get(reader.layout, WRITERS["voc"])


def require_new_folder(out: Path, root: Path) -> None:
    """Raise UserError unless a data set can be written to `out`, away from the one at `root`."""
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} exists and is not empty: name a new folder with -o")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: name a new folder with -o")
    require_outside(out, root)


def require_outside(out: Path, root: Path) -> None:
    """Raise UserError if `out` lies inside the data set at `root`, which is never written to."""
    if out.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{out} lies inside the data set {root}: name a folder elsewhere with -o")


def place_image(source: Path, target: Path, placing: str) -> None:
    """Put an image file into a folder, its bytes as they are.

    Raises:
        UserError: a hard link is not possible, or something is in its place already.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        if real_path(target).samefile(source) or target.read_bytes() == source.read_bytes():
            return  # in several sets that share a folder
        raise UserError(f"{source} and another image would both be {target.name}: rename one")
    if placing == "symlink":
        target.symlink_to(source.resolve())
    elif placing == "hardlink":
        try:
            os.link(source.resolve(), target)
        except OSError as error:
            raise UserError(
                f"no hard link to {source} is possible ({error.strerror}): choose --images copy, "
                "or symlink"
            ) from error
    else:
        shutil.copyfile(source, target)


def _named(writer: Writer, read: Mapping[str, ReadSet]) -> tuple[dict[str, WrittenSet], list[str]]:
    """The sets by their new names, every id unique where it must be, and what changed by that."""
    new_names = writer.set_names(list(read))
    groups: dict[str, dict[str, list[CheckedImage]]] = {}
    for name, of_set in read.items():
        key = new_names[name] if not writer.shares_names else new_names[name].partition("/")[0]
        images = [replace(image, id=safe_id(image.id)) for image in of_set.images]
        groups.setdefault(key, {})[name] = images
    unique = {
        name: images for group in groups.values() for name, images in with_unique_ids(group).items()
    }
    notes = []
    sets: dict[str, WrittenSet] = {}
    for name, of_set in read.items():
        new_name, images, annotated = new_names[name], unique[name], of_set.annotated
        if new_name in sets:
            notes.append(f"{name} joins {new_name}, since {writer.layout} has one set of that name")
            before = sets[new_name]
            known = {real_path(image.path) for image in before.images}
            images = [
                *before.images,
                *(image for image in images if real_path(image.path) not in known),
            ]
            annotated |= before.annotated
        sets[new_name] = WrittenSet(images, annotated)
    changed = [
        f"{old.id} is {new.id}"
        for name, of_set in read.items()
        for old, new in zip(of_set.images, unique[name], strict=True)
        if old.id != new.id
    ]
    if changed:
        notes.append(f"{len(changed)} images get another name, since theirs would not be the only "
                     f"one or leads out of the folder: {_some(changed)}")  # fmt: skip
    return sets, notes


def _losses(
    writer: Writer, wanted: Mapping[str, WrittenSet], held: Mapping[str, WrittenSet]
) -> list[str]:
    """What of the wanted sets the format cannot hold, in words."""
    crowds = difficult = thin = moved = 0
    furthest = 0.0
    notes = []
    for name, of_set in wanted.items():
        by_id = {image.id: image for image in held[name].images}
        for image in of_set.images:
            other = by_id[image.id]
            lost = len(image.labels) - len(other.labels)
            lost_crowds = int(image.crowd.sum() - other.crowd.sum())
            crowds += lost_crowds
            thin += lost - lost_crowds
            difficult += int(image.difficult.sum()) - int(other.difficult.sum())
            if lost == 0:
                shifts = np.abs(image.boxes - other.boxes).max(axis=1, initial=0)
                moved += int((shifts > TOLERANCE).sum())
                furthest = max(furthest, float(shifts.max(initial=0)))
        if [image.id for image in of_set.images] != [image.id for image in held[name].images]:
            notes.append(f"the images of {name} are in the order of their names from now on")
    if difficult:
        notes.append(f"{difficult} objects marked as difficult become ordinary ones, which "
                     "evaluation counts")  # fmt: skip
    if crowds:
        notes.append(f"{crowds} regions of many objects (crowds) are left out")
    if thin:
        notes.append(f"{thin} boxes are under a pixel wide or high and are left out")
    if moved:
        notes.append(f"{moved} boxes that reach the right or lower edge of their image end up to "
                     f"{furthest:.3g} pixels before it, on its last pixel")  # fmt: skip
    return [f"{writer.layout}: {note}" for note in notes]


def _read_back(
    folder: Path, writer: Writer, sets: Mapping[str, WrittenSet], classes: Sequence[str]
) -> list[str]:
    """See that the written files are read as what was to be written.

    Returns:
        What is to be named when the data set is used.

    Raises:
        UserError: they are not.
    """
    reader = open_data(folder)
    for name, of_set in sets.items():
        read = reader.read(name, classes)
        errors = [p for p in read.problems if p.severity is Severity.ERROR and of_set.annotated]
        if errors:
            raise UserError(f"{writer.layout} cannot hold this: {errors[0].kind} in "
                            f"{errors[0].file.name}: {errors[0].detail}")  # fmt: skip
        if [image.id for image in read.images] != [composed(i.id) for i in of_set.images]:
            raise UserError(f"{writer.layout} cannot hold the names or the order of {name}")
        for image, other in zip(of_set.images, read.images, strict=True):
            same = (
                np.array_equal(image.labels, other.labels)
                and np.array_equal(image.difficult, other.difficult)
                and np.array_equal(image.crowd, other.crowd)
                and np.allclose(image.boxes, other.boxes, rtol=0, atol=TOLERANCE)
            )
            if not same:
                raise UserError(f"{writer.layout} cannot hold the objects of {image.path}")
    own = reader.class_names(list(sets))
    if tuple(own) == tuple(classes):
        return []
    return [
        f"{writer.layout}: the classes are read as {len(own)} in the order {_some(list(own))}; to "
        "use them as they were, name them: classes classes.txt, with the path of that file"
    ]


def _categories(read: Iterable[ReadSet]) -> dict[str, int]:
    """The numbers of the classes in COCO JSON, where all sets have the same ones."""
    numbers = [of_set.categories or {} for of_set in read]
    return numbers[0] if all(other == numbers[0] for other in numbers) else {}


def _some(names: Sequence[str]) -> str:
    """The first few of some names."""
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
