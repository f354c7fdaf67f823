"""From a data set on disk to a `VocSplit`: read by its reader, and every image verified."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from loguru import logger

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.problems import Problem, Severity, format_problems, summarise_problems
from yolox_ela.datasets.readers.reader import Reader, ReadSet
from yolox_ela.datasets.recognise import open_data
from yolox_ela.datasets.split import VocSplit
from yolox_ela.datasets.verification import Verification, real_path, verify_images
from yolox_ela.errors import UserError
from yolox_ela.images.values import UNDECIDED, ValueRange
from yolox_ela.system.program import command_text


def load_split(
    data: str | Path | Reader,
    sets: Sequence[str],
    classes: Sequence[str],
    values: ValueRange = UNDECIDED,
    *,
    ignore_others: bool = False,
) -> VocSplit:
    """Read the annotations of one or more sets, and verify every image.

    Args:
        data: the data set, or where it is; see `open_data`.
        sets: names of its sets.
        classes: the class names that labels index.
        values: which value is white in images of more than 8 bits, as a checkpoint records it;
            if it does not say, the largest value in the sets is.
        ignore_others: leave objects of other classes out, instead of refusing them.

    Raises:
        UserError: something is missing, or training on it would be wrong; lists the files.
    """
    reader = as_reader(data)
    read = [reader.read(name, classes, ignore_others=ignore_others) for name in sets]
    problems = [
        problem
        for name, of_set in zip(sets, read, strict=True)
        for problem in set_problems(reader, name, of_set)
    ]
    return _verified(reader, sets, classes, read, problems, values)


def load_pictures(
    data: str | Path | Reader,
    sets: Sequence[str],
    classes: Sequence[str],
    values: ValueRange = UNDECIDED,
) -> VocSplit | None:
    """The images of sets without annotations, such as VOC2012's test set, to be detected on.

    Args:
        data: as for `load_split`.
        sets: names of its sets.
        classes: the class names of the detector.
        values: as for `load_split`.

    Returns:
        A split without objects; None if any image has an annotation.

    Raises:
        UserError: a set does not exist, or an image is missing or damaged.
    """
    reader = as_reader(data)
    read = [reader.read(name, classes, ignore_others=True) for name in sets]
    if any(of_set.annotated for of_set in read):
        return None
    problems = [problem for of_set in read for problem in of_set.problems]
    return _verified(reader, sets, classes, read, problems, values)


def as_reader(data: str | Path | Reader) -> Reader:
    """The reader of a data set that may be given as its place; see `open_data`."""
    return open_data(Path(data)) if isinstance(data, (str, Path)) else data


def check_command(reader: Reader, sets: Sequence[str], classes: Sequence[str]) -> str:
    """The command that lists every problem of the sets."""
    names = ""
    fields = "".join(f" {name} {value}" for name, value in reader.fields.items())
    if tuple(classes) != VOC_CLASSES:
        # A comma even after a single name, which could otherwise be taken for a file's name.
        listed = ",".join(classes) + ("," if len(classes) == 1 else "")
        is_plain = all("," not in name and name == name.strip() for name in classes)
        names = f" classes {shlex.quote(listed) if is_plain else 'FILE'}"
    return (
        f"{command_text('dataset')} check --data {shlex.quote(str(reader.named.absolute()))} "
        f"--sets {' '.join(map(shlex.quote, sets))}{fields}{names}"
    )


def set_problems(reader: Reader, name: str, of_set: ReadSet) -> list[Problem]:
    """The problems of a set that is to be trained on or scored."""
    if of_set.images and not of_set.annotated:
        detail = (
            f"none of the {len(of_set.images)} images of {name} has one{of_set.expected}: "
            f"{command_text('eval')} --save-detections can detect on it, but nothing can be "
            "trained on or scored"
        )
        return [*of_set.problems, Problem(reader.root, "missing annotation", detail)]
    if of_set.images and not any(len(image.labels) for image in of_set.images):
        detail = f"no image of {name} has any: there is nothing to learn or to score in it"
        warning = Problem(reader.root, "no objects", detail, Severity.WARNING)
        return [*of_set.problems, warning]
    return of_set.problems


def _verified(
    reader: Reader,
    sets: Sequence[str],
    classes: Sequence[str],
    read: Sequence[ReadSet],
    problems: list[Problem],
    values: ValueRange,
) -> VocSplit:
    """The images of all sets in one split, each verified by decoding it once."""
    seen: dict[Path, str] = {}
    for name, of_set in zip(sets, read, strict=True):
        for image in of_set.images:
            place = real_path(image.path)  # a folder may be a link to another
            if place in seen:
                detail = f"in {seen[place]} and in {name}"
                problems.append(Problem(image.path, "image in two sets", detail))
            seen[place] = name
    images = [image for of_set in read for image in of_set.images]
    verified = verify_images([image.path for image in images])
    where = f"{' + '.join(sets)} under {reader.root}"
    _report([*problems, *verified.problems], where, _advice(reader, sets, classes, problems))
    split = _flat(images, classes, where, verified, values, _common_categories(read))
    return replace(split, headline=reader.headline)


def _common_categories(read: Sequence[ReadSet]) -> dict[str, int]:
    """The numbers that COCO JSON files give to categories, by class name.

    Empty if the files disagree, or if two images have the same number: detections cannot then be
    saved with the numbers of the files.
    """
    first = read[0].categories
    if first is None or any(of_set.categories != first for of_set in read):
        return {}
    numbers = [image.number for of_set in read for image in of_set.images]
    return first if len(set(numbers)) == len(numbers) else {}


def _advice(
    reader: Reader, sets: Sequence[str], classes: Sequence[str], problems: Sequence[Problem]
) -> str:
    advice = f"the whole list: {check_command(reader, sets, classes)}"
    if any(problem.kind == "unknown class" for problem in problems):
        return (
            f"the classes are {', '.join(classes)}: name the others as well (recipe field "
            "'classes'), leave their objects out with 'other_classes ignore', or take them out of "
            f"the annotations; {advice}"
        )
    return advice


def _report(problems: Sequence[Problem], where: str, advice: str) -> None:
    """Raise UserError for errors, or else log a warning of the rest."""
    errors = [p for p in problems if p.severity is Severity.ERROR]
    if errors:
        raise UserError(
            f"{len(errors)} problems in {where}:\n{format_problems(errors[:10])}\n"
            f"fix or remove these files; {advice}".rstrip("; ")
        )
    if problems:
        logger.warning(
            "{} warnings in {}:\n{}\n{}", len(problems), where, summarise_problems(problems), advice
        )


def _flat(
    images: Sequence[CheckedImage],
    classes: Sequence[str],
    where: str,
    verified: Verification,
    values: ValueRange,
    categories: dict[str, int],
) -> VocSplit:
    if not images:
        raise UserError(f"no images in {where}")
    counts = [len(image.labels) for image in images]
    numbered = bool(categories)
    return VocSplit(
        classes=tuple(classes),
        ids=np.array([image.id for image in images]),
        paths=np.array([str(image.path) for image in images]),
        sizes=np.array([image.size for image in images], dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        boxes=np.concatenate([image.boxes for image in images]).astype(np.float32),
        labels=np.concatenate([image.labels for image in images]),
        difficult=np.concatenate([image.difficult for image in images]),
        hashes=verified.hashes,
        stamps=verified.stamps,
        values=verified.range_of_values(values, where),
        pixels=verified.pixels,
        crowd=np.concatenate([image.crowd for image in images]),
        numbers=np.array([image.number for image in images] if numbered else [], dtype=np.int64),
        categories=np.array(
            [categories.get(name, -1) for name in classes] if numbered else [], dtype=np.int64
        ),
    )
