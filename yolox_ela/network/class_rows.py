"""Assigning the rows of the class predictors to classes by name.

A checkpoint names its classes in its entry `classes`, or else in its recipe. Without names, 80 rows
are taken for COCO's classes and 20 rows for VOC's, in their official order. A class that COCO and
VOC spell differently is recognised as the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger
from torch import Tensor
from yolox.data.datasets.coco_classes import COCO_CLASSES

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError

PREDICTORS = "head.cls_preds."
# The classes assumed for a checkpoint that names none, by its number of rows.
ASSUMED: dict[int, tuple[str, tuple[str, ...]]] = {
    len(COCO_CLASSES): ("COCO", tuple(COCO_CLASSES)),
    len(VOC_CLASSES): ("VOC", VOC_CLASSES),
}
# VOC class names that COCO spells differently; the other fourteen are the same.
VOC_TO_COCO = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def known_names(
    content: Mapping[str, Any], state: Mapping[str, Tensor], source: Path
) -> tuple[str, ...] | None:
    """The classes of a checkpoint's rows: those it names, or COCO's or VOC's by their number.

    Args:
        content: content of the checkpoint, as `read_checkpoint` returns it.
        state: state dict of the checkpoint's network.
        source: path of the file, for messages.

    Returns:
        The names in the order of the rows, or None if they are unknown.

    Raises:
        UserError: the network has no class predictors, or their number is not that of the names.
    """
    rows = _row_count(state, source)
    if "classes" in content:
        names = tuple(content["classes"])
        if len(names) != rows:
            raise UserError(
                f"{source} names {len(names)} classes ({', '.join(names)}) and has predictors for "
                f"{rows}"
            )
        return names
    if rows not in ASSUMED:
        return None
    whose, assumed = ASSUMED[rows]
    logger.info("{} names no classes: its {} rows count as {}'s, in order", source, rows, whose)
    return assumed


def row_names(
    content: Mapping[str, Any],
    state: Mapping[str, Tensor],
    wanted: Sequence[str],
    source: Path,
) -> tuple[str, ...]:
    """The classes of a checkpoint's rows, by `known_names` or else those of the experiment.

    Args:
        content: see `known_names`.
        state: see `known_names`.
        wanted: classes of the experiment, which are assumed if the checkpoint names none and the
            classes assumed by their number are not the same.
        source: see `known_names`.

    Raises:
        UserError: see `known_names`; or the classes are unknown and their numbers differ.
    """
    rows = _row_count(state, source)
    assumed = ASSUMED.get(rows, ("", ()))[1]
    if len(wanted) != rows or "classes" in content or same_classes(assumed, wanted):
        names = known_names(content, state, source)
        if names is not None:
            return names
    if len(wanted) != rows:
        raise UserError(
            f"{source} has predictors for {rows} classes and does not name them, while the "
            f"experiment has {len(wanted)}: give theirs in the order of its rows, as in: "
            "classes cat,dog"
        )
    logger.warning(
        "{} does not name its classes: its rows count as the experiment's, in order: {}",
        source,
        ", ".join(wanted),
    )
    return tuple(wanted)


def positions(names: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """The position of each wanted name in `names`; None for names that are not there.

    Equal spellings are matched first, then the different spellings of VOC and COCO.
    """
    exact = {name: row for row, name in enumerate(names)}
    other = {_coco_spelling(name): row for row, name in enumerate(names)}
    taken = {exact[name] for name in wanted if name in exact}
    found: list[int | None] = []
    for name in wanted:
        row = exact.get(name, other.get(_coco_spelling(name)))
        found.append(None if name not in exact and row in taken else row)
    return found


def same_classes(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether two lists name the same classes, in any order."""
    return len(names) == len(wanted) and None not in positions(names, wanted)


def pick_rows(
    state: Mapping[str, Tensor], names: Sequence[str], wanted: Sequence[str], source: Path
) -> dict[str, Tensor]:
    """Reduce the class predictors to the wanted classes, in their order.

    Args:
        state: state dict of the network.
        names: class names of its rows.
        wanted: classes of the result.
        source: path of the file, for messages.

    Raises:
        UserError: a wanted class is not among `names`.
    """
    rows = positions(names, wanted)
    unknown = [name for name, row in zip(wanted, rows, strict=True) if row is None]
    if unknown:
        raise UserError(
            f"{source} does not know {', '.join(unknown)}: its classes are {', '.join(names)}, and "
            f"those asked for are {', '.join(wanted)}"
        )
    return {
        name: tensor[rows] if name.startswith(PREDICTORS) else tensor
        for name, tensor in state.items()
    }


@dataclass(frozen=True)
class ClassStart:
    """Initial weights of a training, with class predictors for its classes.

    Attributes:
        state: state dict of the initial weights.
        kept: classes whose rows are taken from the file.
        new: classes whose rows start at random.
    """

    state: dict[str, Tensor]
    kept: tuple[str, ...]
    new: tuple[str, ...]

    def __str__(self) -> str:
        parts = [("class rows kept by name", self.kept), ("class rows new, random", self.new)]
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)


def start_rows(
    own: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    names: Sequence[str] | None,
    wanted: Sequence[str],
    *,
    by_name: bool,
    source: Path,
) -> ClassStart:
    """The initial weights of a training, with class predictors for its classes.

    Args:
        own: state dict of the network to be trained, with its random initial weights.
        state: state dict of the file.
        names: class names of the file's rows; None if they are unknown.
        wanted: classes to train.
        by_name: True to keep the rows of all classes that are also in the file; False to keep rows
            only if file and training have the same classes, and else start all at random.
        source: path of the file, for messages.

    Raises:
        UserError: `by_name` is set, and the names are unknown or none of them is wanted.
    """
    rows = positions(names or (), wanted)
    if by_name and names is None:
        raise UserError(
            f"{source} does not name its classes, so that class_head_start by_name cannot keep "
            "their rows: add their names to the file as its entry 'classes', or use "
            "class_head_start random"
        )
    if by_name and set(rows) == {None}:
        raise UserError(
            f"{source} knows none of the classes {', '.join(wanted)}, only "
            f"{', '.join(names or ())}; use class_head_start random"
        )
    if not by_name and not same_classes(names or (), wanted):
        rows = [None] * len(wanted)
    into = [index for index, row in enumerate(rows) if row is not None]
    taken = [row for row in rows if row is not None]
    started = dict(state)
    for name, tensor in own.items():
        if name.startswith(PREDICTORS) and state[name].shape[1:] == tensor.shape[1:]:
            started[name] = tensor.clone()  # other shapes are refused where weights are loaded
            started[name][into] = state[name][taken].to(tensor)
    return ClassStart(
        started,
        kept=tuple(wanted[index] for index in into),
        new=tuple(name for name, row in zip(wanted, rows, strict=True) if row is None),
    )


def _coco_spelling(name: str) -> str:
    return VOC_TO_COCO.get(name, name)


def _row_count(state: Mapping[str, Tensor], source: Path) -> int:
    """The number of classes for which a network has predictors, the same at each stride."""
    counts = {name: len(state[name]) for name in state if name.startswith(PREDICTORS)}
    if not counts:
        raise UserError(
            f"{source} is not a YOLOX checkpoint: it has no class predictors ({PREDICTORS}*)"
        )
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise UserError(f"{source} has different numbers of classes at its strides: {listed}")
    return next(iter(counts.values()))
