"""`dataset stats`, `dataset convert` and `dataset split`."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from yolox_ela.commands.json_results import SCREEN, write_result
from yolox_ela.commands.option_checks import require_output_file
from yolox_ela.datasets.convert import (
    WRITERS,
    require_new_folder,
    require_outside,
    write_data,
    writer_of,
)
from yolox_ela.datasets.divide import PARTS, divide, require_shares
from yolox_ela.datasets.load import set_problems
from yolox_ela.datasets.problems import Severity, format_problems
from yolox_ela.datasets.readers.reader import Reader, ReadSet
from yolox_ela.datasets.recognise import open_data
from yolox_ela.datasets.similar import similar_pairs
from yolox_ela.datasets.verification import verify_images
from yolox_ela.datasets.whole import all_sets, read_sets, with_unique_ids
from yolox_ela.errors import UserError
from yolox_ela.report.data_statistics import plot_statistics, set_statistics, statistics_text
from yolox_ela.report.style import to_png
from yolox_ela.system.files import require_writable, write_atomically


def stats(args: argparse.Namespace) -> int:
    """Count a data set's images and objects."""
    reader = open_data(args.data, args.recipe.xml_counts_from)
    if args.output is not None:
        require_outside(args.output, _home(reader))
    if args.json not in (None, SCREEN):
        require_outside(args.json, _home(reader))
        require_output_file("--json", args.json)
    read, classes = _read(reader, args)
    found = [set_statistics(name, of_set.images, classes) for name, of_set in read.items()]
    numbers = {
        "data": str(args.data),
        "format": reader.layout,
        "classes": list(classes),
        "sets": [of_set.to_json() for of_set in found],
    }
    if args.json != SCREEN:
        print(statistics_text(found))
    if args.json:
        write_result(numbers, args.json)
    folder = args.output or _new_folder(args.home / "runs", "stats")
    picture = folder / "stats.png"
    require_writable(picture)
    png = to_png(plot_statistics(found))
    write_atomically(picture, lambda temporary: temporary.write_bytes(png))
    if args.json != SCREEN:
        print(f"\npicture: {picture}")
    return 0


def convert(args: argparse.Namespace) -> int:
    """Write a data set in another format."""
    reader, writer = open_data(args.data, args.recipe.xml_counts_from), WRITERS[args.to]
    require_new_folder(args.output, _home(reader))
    read, classes = _read(reader, args)
    notes = write_data(writer, args.output, read, classes, root=_home(reader), placing=args.images)
    _tell(reader, read, args.output, writer.layout, notes)
    return 0


def split(args: argparse.Namespace) -> int:
    """Divide a data set by shares."""
    require_shares(args.shares)
    reader = open_data(args.data, args.recipe.xml_counts_from)
    require_new_folder(args.output, _home(reader))
    read, classes = _read(reader, args)
    for name, of_set in read.items():
        problems = [p for p in set_problems(reader, name, of_set) if p.severity is Severity.ERROR]
        if problems:
            raise UserError(f"nothing to divide by:\n{format_problems(problems)}")
    pool = with_unique_ids({name: of_set.images for name, of_set in read.items()})
    images = list({image.id: image for of_set in pool.values() for image in of_set}.values())
    paths = [image.path for image in images]
    verified = verify_images(paths)
    damaged = [p for p in verified.problems if p.severity is Severity.ERROR]
    if damaged:
        raise UserError(f"{len(damaged)} images are damaged:\n{format_problems(damaged[:10])}")
    parts = divide(images, verified.pixels.tolist(), args.shares, args.seed)
    names = PARTS[len(parts)]
    categories = next(iter(read.values())).categories
    divided = {
        name: ReadSet([images[at] for at in part], [], categories=categories)
        for name, part in zip(names, parts, strict=True)
    }
    writer = writer_of(reader)
    notes = write_data(
        writer, args.output, divided, classes, root=_home(reader), placing=args.images
    )
    part_of = {at: name for name, part in zip(names, parts, strict=True) for at in part}
    pairs = [(a, b) for a, b in similar_pairs(paths) if verified.pixels[a] != verified.pixels[b]]
    _tell(reader, divided, args.output, writer.layout, notes)
    _tell_classes(divided, classes)
    apart = [(a, b) for a, b in pairs if part_of[a] != part_of[b]]
    print(f"\n{len(pairs)} pairs of images are nearly the same, {len(apart)} of them in two sets")
    if apart:
        print("(scores on such a set are better than on new pictures)")
    for a, b in pairs:
        print(f"  {part_of[a]:5} {paths[a]}  {part_of[b]:5} {paths[b]}")
    return 0


def _read(reader: Reader, args: argparse.Namespace) -> tuple[dict[str, ReadSet], tuple[str, ...]]:
    """The sets that are asked for, and the classes: those that are named, or else the data's."""
    sets = args.sets or all_sets(reader)
    named = args.recipe.names("classes")
    classes = args.recipe.classes if named else reader.class_names(sets)
    if not classes:
        raise UserError(f"no classes are named in {reader.root}: name them, as in: classes cat,dog")
    ignore_others = args.recipe.other_classes == "ignore"
    return read_sets(reader, sets, classes, ignore_others=ignore_others), tuple(classes)


def _home(reader: Reader) -> Path:
    """The folder of a data set, which is not written to."""
    return reader.root if reader.root.is_dir() else reader.root.parent


def _new_folder(parent: Path, name: str) -> Path:
    """Make `parent/name`, or the first of `name-2`, `name-3` ... that does not exist."""
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


def _tell(
    reader: Reader, read: Mapping[str, ReadSet], out: Path, layout: str, notes: Sequence[str]
) -> None:
    """Say what was written where, and what it does not hold."""
    for name, of_set in read.items():
        objects = sum(len(image.labels) for image in of_set.images)
        print(f"{name}: {len(of_set.images)} images, {objects} objects")
    print(f"{reader.root} ({reader.layout}) is written to {out} ({layout})")
    for note in notes:
        print(f"  note: {note}")
    print(f"use it with: --data {out}")


def _tell_classes(divided: Mapping[str, ReadSet], classes: Sequence[str]) -> None:
    """The images of each class in each part."""
    counts = {
        name: Counter(label for i in of_set.images for label in set(i.labels.tolist()))
        for name, of_set in divided.items()
    }
    print("\nimages with a class:")
    width = max(len(name) for name in classes)
    for label, text in enumerate(classes):
        row = "  ".join(f"{name} {counts[name][label]}" for name in divided)
        print(f"  {text:{width}}  {row}")
