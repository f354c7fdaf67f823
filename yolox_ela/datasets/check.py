"""Checking a whole data set, with every problem by file."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolox_ela.datasets.load import as_reader, set_problems
from yolox_ela.datasets.problems import Problem, Severity, format_problems
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.similar import similar_pairs
from yolox_ela.datasets.verification import verify_images
from yolox_ela.errors import UserError
from yolox_ela.images.values import ValueRange
from yolox_ela.system.text_table import text_table


@dataclass
class SetSummary:
    """The counts of images and objects in one set."""

    name: str
    images: int = 0
    objects: int = 0
    difficult: int = 0
    negatives: int = 0
    per_class: Counter[str] = field(default_factory=Counter)


@dataclass
class CheckReport:
    """Result of `check_dataset`."""

    root: Path
    sets: list[SetSummary]
    problems: list[Problem]

    @property
    def errors(self) -> int:
        """Number of problems that make the data unfit for training."""
        return sum(p.severity is Severity.ERROR for p in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "root": str(self.root),
            "errors": self.errors,
            "warnings": len(self.problems) - self.errors,
            "sets": [{**vars(s), "per_class": dict(s.per_class)} for s in self.sets],
            "problems": [p.to_dict() for p in self.problems],
        }

    def to_text(self) -> str:
        """The report as tables for the screen."""
        lines = [
            text_table(
                ["set", "images", "objects", "difficult", "no objects"],
                [[s.name, s.images, s.objects, s.difficult, s.negatives] for s in self.sets],
                align="lrrrr",
            )
        ]
        names = sorted({name for s in self.sets for name in s.per_class})
        if names:
            rows = [[name, *(s.per_class[name] for s in self.sets)] for name in names]
            headers = ["objects of class", *(s.name for s in self.sets)]
            lines += ["", text_table(headers, rows, align="l" + "r" * len(self.sets))]
        if self.problems:
            lines += ["", format_problems(self.problems)]
        kinds = Counter((p.severity.value, p.kind) for p in self.problems)
        lines += ["", *(f"{n:6} {severity}: {kind}" for (severity, kind), n in kinds.items())]
        lines.append(
            f"{self.errors} errors, {len(self.problems) - self.errors} warnings: "
            + ("do not train on this" if self.errors else "fit for training")
        )
        return "\n".join(lines)


def check_dataset(
    data: str | Path | Reader,
    sets: Sequence[str],
    classes: Sequence[str],
    *,
    train_sets: Sequence[str] = (),
    ignore_others: bool = False,
) -> CheckReport:
    """Check every list, annotation and image of the sets, decoding all pixels.

    Pictures that are nearly the same are warned of, as likely leakage where they are in two sets.

    Args:
        data: the data set, or where it is; see `open_data`.
        sets: names of its sets; an image in two of them is reported as leakage.
        classes: the allowed class names.
        train_sets: the sets to train on, a part of `sets`; together they must have objects.
        ignore_others: leave objects of other classes out, instead of reporting them.

    Raises:
        UserError: a set does not exist.
    """
    reader = as_reader(data)
    root = reader.root
    problems: list[Problem] = []
    summaries: list[SetSummary] = []
    seen: dict[bytes | Path, tuple[Path, str]] = {}  # keys: hash of the pixels, or path
    for entry in sets:
        of_set = reader.read(entry, classes, ignore_others=ignore_others)
        images, found = of_set.images, set_problems(reader, entry, of_set)
        verified = verify_images([image.path for image in images], again=True)
        problems += [*found, *verified.problems]
        try:
            verified.range_of_values(ValueRange(), entry)
        except UserError as error:
            problems.append(Problem(root, "pixel values", str(error)))
        summary = SetSummary(entry, images=len(images))
        for image, pixels in zip(images, verified.pixels.tolist(), strict=True):
            key = pixels or image.path
            path, earlier = seen.setdefault(key, (image.path, entry))
            if earlier != entry:
                same = "" if path == image.path else f", there as {path}"
                detail = f"in {earlier} and in {entry}{same}"
                problems.append(Problem(image.path, "leakage", detail))
            summary.objects += len(image.labels)
            summary.difficult += int(image.difficult.sum())
            summary.negatives += len(image.labels) == 0
            summary.per_class.update(classes[label] for label in image.labels)
        summaries.append(summary)
    problems += _similar([seen[key] for key in seen if isinstance(key, bytes)])
    problems += _training_problems(root, classes, [s for s in summaries if s.name in train_sets])
    return CheckReport(root, summaries, problems)


def _similar(different: Sequence[tuple[Path, str]]) -> Iterator[Problem]:
    """Warnings of the images that nearly are another one's picture, each for the first other.

    Args:
        different: file and set of each picture, none of them twice.
    """
    warned: set[int] = set()
    for one, other in similar_pairs([path for path, _ in different]):
        (first, first_set), (second, second_set) = different[one], different[other]
        if other in warned:
            continue
        warned.add(other)
        if first_set == second_set:
            detail = f"it is nearly the picture of {first}"
            yield Problem(second, "nearly the same picture", detail, Severity.WARNING)
        else:
            detail = (
                f"in {second_set}, and it is nearly the picture of {first} in {first_set}: scores "
                "may be better than they are on new pictures"
            )
            yield Problem(second, "likely leakage", detail, Severity.WARNING)


def _training_problems(
    root: Path, classes: Sequence[str], sets: Sequence[SetSummary]
) -> Iterator[Problem]:
    """Problems of all sets to train on together."""
    where = " + ".join(summary.name for summary in sets)
    found = {name for summary in sets for name in summary.per_class}
    absent = [name for name in classes if name not in found]
    if not any(summary.images for summary in sets):
        return  # reported for each set
    if not found:
        yield Problem(root, "nothing to train on", f"no image of {where} has an object")
    elif absent:
        detail = f"none to train on in {where} for: {', '.join(absent)}"
        yield Problem(root, "class without objects", detail, Severity.WARNING)
