"""Which row of the class predictors belongs to which class: decided by names, here alone.

A checkpoint says its classes under `classes`, or else in its recipe. Where it says none, 80 rows
are COCO's and 20 rows VOC's, in their official order. Names that the two spell differently are the
same class.
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
# Whose rows are assumed where a checkpoint names no classes, by their number.
ASSUMED: dict[int, tuple[str, tuple[str, ...]]] = {
    len(COCO_CLASSES): ("COCO", tuple(COCO_CLASSES)),
    len(VOC_CLASSES): ("VOC", VOC_CLASSES),
}
# VOC class names that COCO spells otherwise; the other fourteen are the same.
VOC_TO_COCO = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def require_names(classes: Any, source: Path, entry: str = "'classes'") -> list[str]:
    """The entry `classes` of a checkpoint, a list of distinct names.

    Args:
        classes: the entry.
        source: the file, for messages.
        entry: what messages call it.

    Raises:
        UserError: it is something else.
    """
    names = list(classes) if isinstance(classes, (list, tuple)) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"{source}: its entry {entry} must be a list of class names in the order of its "
            f"class predictors, not {classes!r}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{source}: its entry {entry} has {', '.join(twice)} twice")
    return names


def known_names(
    content: Mapping[str, Any], state: Mapping[str, Tensor], source: Path
) -> tuple[str, ...] | None:
    """The classes of a checkpoint's rows: as it says, or COCO's or VOC's by their number.

    Args:
        content: of the checkpoint, as `read_checkpoint` gives it.
        state: its network.
        source: the file, for messages.

    Returns:
        The names in the order of the rows, or None if nothing is known.

    Raises:
        UserError: it has no class predictors, or another number of them than names.
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
    """As `known_names`; where nothing is known that fits, the experiment's classes in their order.

    Args:
        content: see `known_names`.
        state: see `known_names`.
        wanted: classes of the experiment.
        source: see `known_names`.

    Raises:
        UserError: see `known_names`; or nothing is known and the numbers differ.
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
    """Where each of the wanted names stands among `names`; None for those that do not.

    The same spelling goes first; another spelling of VOC or COCO finds what is left.
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
    """Whether two lists name the same classes, in whatever order."""
    return len(names) == len(wanted) and None not in positions(names, wanted)


def pick_rows(
    state: Mapping[str, Tensor], names: Sequence[str], wanted: Sequence[str], source: Path
) -> dict[str, Tensor]:
    """Weights with their class predictors cut to the wanted classes, in their order.

    Args:
        state: the network.
        names: of its rows.
        wanted: classes of the result.
        source: the file, for messages.

    Raises:
        UserError: the weights do not know a wanted class.
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
    """What the class predictors of a training start as.

    Attributes:
        state: the weights, their predictors fit for the training's classes.
        kept: classes whose rows come from the file.
        new: classes whose rows are the network's own random ones.
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
    """Weights to start a training from, with class predictors for its classes.

    Args:
        own: the network that is to be trained, at its random weights.
        state: the weights of the file.
        names: of its class rows; None if they are unknown.
        wanted: classes to train.
        by_name: keep the rows of the classes that both know; otherwise rows are kept only if the
            two know the same classes, and all start at random if not.
        source: the file, for messages.

    Raises:
        UserError: rows are to be kept by name and there are no names, or none in common.
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
    """For how many classes a network has predictors, the same at each stride."""
    counts = {name: len(state[name]) for name in state if name.startswith(PREDICTORS)}
    if not counts:
        raise UserError(
            f"{source} is not a YOLOX checkpoint: it has no class predictors ({PREDICTORS}*)"
        )
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise UserError(f"{source} has different numbers of classes at its strides: {listed}")
    return next(iter(counts.values()))
