"""Several sets of a data set read as they are, for what describes, converts or divides it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loguru import logger

from yolox_ela.datasets.checked import CheckedImage
from yolox_ela.datasets.load import check_command
from yolox_ela.datasets.problems import Severity, format_problems, summarise_problems
from yolox_ela.datasets.readers.reader import Reader, ReadSet
from yolox_ela.datasets.readers.voc import VocReader
from yolox_ela.datasets.readers.yolo import YoloReader
from yolox_ela.datasets.verification import real_path
from yolox_ela.errors import UserError


def all_sets(reader: Reader) -> list[str]:
    """The sets that together are the whole data set, each image in one of them.

    Of a VOCdevkit, whose trainval holds train and val again, those are the default sets. A set that
    a data.yaml names and that does not exist, as in exports without a test set, is left out.
    """
    if isinstance(reader, YoloReader):
        for name, place in _missing(reader).items():
            logger.warning("{}: {} is left out, as {} is missing", reader.yaml.path, name, place)
    return existing_sets(reader)


def existing_sets(reader: Reader) -> list[str]:
    """See `all_sets`; nothing is said of what is left out."""
    if isinstance(reader, YoloReader):
        missing = _missing(reader)
        return [name for name in reader.sets() if name not in missing]
    if not isinstance(reader, VocReader):
        return reader.sets()
    there = reader.sets()
    train, test = reader.default_sets()
    return [name for name in (*train, *test) if name in there] or there


def _missing(reader: YoloReader) -> dict[str, Path]:
    """What is missing of the sets of which folders or lists do not exist; empty if none exists."""
    missing = {
        name: place
        for name in reader.sets()
        for place in reader.yaml.places(name)
        if not place.exists()
    }
    return missing if len(missing) < len(reader.sets()) else {}


def read_sets(
    reader: Reader, names: Sequence[str], classes: Sequence[str], *, ignore_others: bool = False
) -> dict[str, ReadSet]:
    """Images and objects of each set, by its name.

    Args:
        reader: the data set.
        names: its sets.
        classes: the class names that labels index.
        ignore_others: leave objects of other classes out instead of refusing them.

    Raises:
        UserError: a set does not exist, has no image, or something in it is wrong; lists the files.
    """
    read = {name: reader.read(name, classes, ignore_others=ignore_others) for name in names}
    problems = [problem for of_set in read.values() for problem in of_set.problems]
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    where, command = (
        f"{' + '.join(names)} of {reader.root}",
        check_command(reader, names, classes),
    )
    if errors:
        hint = ""
        if any(problem.kind == "unknown class" for problem in errors):
            hint = "name all classes, or leave the objects of others out: other_classes ignore; "
        raise UserError(
            f"{len(errors)} problems in {where}:\n{format_problems(errors[:10])}\n"
            f"{hint}fix or remove these files; the whole list: {command}"
        )
    for name, of_set in read.items():
        if not of_set.images:
            raise UserError(f"no images in {name} of {reader.root}")
    if problems:
        summary = summarise_problems(problems)
        logger.warning("{} warnings in {}:\n{}\n{}", len(problems), where, summary, command)
    return read


def with_unique_ids(sets: Mapping[str, Sequence[CheckedImage]]) -> dict[str, list[CheckedImage]]:
    """The same images, where two files of one id get the name of their set before it.

    The same file in several sets keeps one id.
    """
    files: dict[str, set] = {}
    for images in sets.values():
        for image in images:
            files.setdefault(image.id, set()).add(real_path(image.path))
    return {
        name: [
            replace(image, id=f"{name}/{image.id}") if len(files[image.id]) > 1 else image
            for image in images
        ]
        for name, images in sets.items()
    }
