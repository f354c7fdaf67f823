"""Weights in files: reading them safely, starting from COCO, loading a trained network."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import torch
from loguru import logger
from torch import Tensor
from yolox.data.datasets.coco_classes import COCO_CLASSES

from yolox_ela.authors import import_authors, is_authors_state
from yolox_ela.errors import UserError
from yolox_ela.fetch import DownloadError, fetch
from yolox_ela.model import YoloxNano

COCO_URL = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.pth"
COCO_SHA256 = "cd28f55fbbc1829f99d9ac9b38a16d259a22889739c8728ea877610201feff7b"

# VOC class names that COCO spells otherwise; the other fourteen are the same.
VOC_TO_COCO = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def coco_weights(cache: Path | None = None) -> Path:
    """The official COCO weights of YOLOX-Nano (release 0.1.1rc0), downloaded once.

    Args:
        cache: the folder of `yolox_nano.pth`; by default that of `default_cache()`.

    Raises:
        UserError: no connection, or a full disk.
    """
    path = (default_cache() if cache is None else Path(cache)) / PurePosixPath(COCO_URL).name
    try:
        return fetch(
            [COCO_URL],
            path,
            algorithm="sha256",
            digest=COCO_SHA256,
            label="COCO weights of YOLOX-Nano",
        )
    except DownloadError as error:
        raise UserError(
            f"{error}\nWithout a connection, either\n"
            f"  download {COCO_URL} elsewhere and put it at {path}, or\n"
            "  give other weights with -c FILE, or\n"
            "  train from random weights with -c none."
        ) from error


def default_cache() -> Path:
    """The folder of downloaded weights and of decoded images.

    YOLOX_ELA_CACHE if set, else yolox_ela in XDG_CACHE_HOME if set, else ~/.cache/yolox_ela.
    """
    if own := os.environ.get("YOLOX_ELA_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(shared).expanduser() / "yolox_ela"


@dataclass
class LoadReport:
    """What happened to each tensor when weights were loaded by name."""

    loaded: list[str] = field(default_factory=list)
    wrong_shape: list[str] = field(default_factory=list)  # in both, kept at its initial value
    new: list[str] = field(default_factory=list)  # in the model only
    unused: list[str] = field(default_factory=list)  # in the file only

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} tensors loaded"]
        for what, names in (
            ("dropped by shape, trained from scratch", self.wrong_shape),
            ("new in this model, trained from scratch", self.new),
            ("in the file but not in this model", self.unused),
        ):
            if names:
                parts.append(f"{len(names)} {what} ({_summary(names)})")
        return "; ".join(parts)


def _summary(names: Sequence[str]) -> str:
    """The common leading module paths of parameter names, for a log line."""
    stems = dict.fromkeys(".".join(name.split(".")[:3]) for name in names)
    return ", ".join(list(stems)[:4]) + (", ..." if len(stems) > 4 else "")


def read_weights(path: Path) -> dict[str, Tensor]:
    """State dict of a checkpoint: a plain one, or upstream's `{"model": state_dict}`.

    Raises:
        UserError: the file is missing, unreadable, or holds no state dict.
    """
    return state_dict_of(read_checkpoint(path), path)


def read_checkpoint(path: Path) -> dict:
    """Everything in a checkpoint file, tensors on the CPU, read with `weights_only=True`.

    Raises:
        UserError: the file is missing, corrupt, or needs unpickling of arbitrary objects.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}; give the path of a .pth file with -c")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged or foreign file
        raise UserError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): it is damaged, no "
            "checkpoint at all, or holds objects other than plain tensors, which are never "
            "unpickled; save its state dict alone, or get it again"
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a state dict")
    return content


def state_dict_of(content: Mapping, path: Path) -> dict[str, Tensor]:
    """The network's tensors inside a checkpoint's content."""
    state = content.get("model", content)
    if not isinstance(state, Mapping) or not any(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"{path} holds no network weights under 'model' or at its top level")
    if is_authors_state(state):
        logger.info("{} is the authors' released network: normalisation folded in", path)
        return import_authors(state)
    return dict(state)


def load_pretrained(model: YoloxNano, state: Mapping[str, Tensor], source: Path) -> LoadReport:
    """Start from weights trained on other classes or without attention.

    Class predictors whose shape differs and attention that the file lacks keep their initial
    values, and are reported.

    Raises:
        UserError: anything else of the network is missing or has another shape, so this is not
            a YOLOX-Nano checkpoint.
    """
    own = model.state_dict()
    report = LoadReport(unused=[name for name in state if name not in own])
    for name, tensor in own.items():
        if name not in state:
            report.new.append(name)
        elif state[name].shape != tensor.shape:
            report.wrong_shape.append(name)
        else:
            report.loaded.append(name)
    foreign = [n for n in report.new if not n.startswith("backbone.attention.")]
    foreign += [n for n in report.wrong_shape if not n.startswith("head.cls_preds.")]
    if foreign:
        raise UserError(
            f"{source} is not a YOLOX-Nano checkpoint: {len(foreign)} of the network's tensors "
            f"are missing from it or have another shape (first: {foreign[0]})"
        )
    model.load_state_dict({name: state[name] for name in report.loaded}, strict=False)
    return report


def load_trained(model: YoloxNano, state: Mapping[str, Tensor], source: Path) -> None:
    """Load weights that must fit the model exactly, for evaluation and prediction.

    Raises:
        UserError: any tensor is missing, left over, or of another shape.
    """
    own = model.state_dict()
    wrong = [n for n in own if n in state and state[n].shape != own[n].shape]
    missing = [n for n in own if n not in state]
    unused = [n for n in state if n not in own]
    if wrong or missing or unused:
        raise UserError(
            f"{source} does not fit this experiment: {len(missing)} tensors missing, "
            f"{len(unused)} left over, {len(wrong)} of another shape "
            f"(first: {(wrong or missing or unused)[0]}); "
            "name the experiment it was trained with (-f) and the same classes"
        )
    model.load_state_dict(dict(state))


def start_class_head(
    model: YoloxNano, state: Mapping[str, Tensor], classes: Sequence[str], source: Path
) -> tuple[dict[str, Tensor], list[str]]:
    """COCO weights with class predictors for `classes`: COCO's rows where it has the class, the
    model's own random rows elsewhere.

    Returns:
        The weights, and the classes that COCO has, which is none if the weights have other than
        80 classes: they are then returned as they are.

    Raises:
        UserError: no class is COCO's.
    """
    names = [VOC_TO_COCO.get(name, name) for name in classes]
    known = [row for row, name in enumerate(names) if name in COCO_CLASSES]
    own = model.state_dict()
    predictors = [name for name in state if name.startswith("head.cls_preds.") and name in own]
    if any(len(state[name]) != len(COCO_CLASSES) for name in predictors):
        return dict(state), []
    if not known:
        raise UserError(
            f"{source}: COCO has none of the classes {', '.join(classes)}; use class_head_start "
            "random"
        )
    rows = [COCO_CLASSES.index(names[row]) for row in known]
    started = dict(state)
    for name in predictors:
        started[name] = own[name].clone()
        started[name][known] = state[name][rows]
    return started, [classes[row] for row in known]


def coco_class_rows(
    state: Mapping[str, Tensor], classes: Sequence[str], source: Path
) -> dict[str, Tensor]:
    """COCO weights with their class predictors cut to the rows of `classes`, by name.

    The result is a network for `classes` that was never trained on them: the zero-shot
    reference that a fine-tune has to beat.

    Raises:
        UserError: a class does not exist in COCO, or the weights do not have 80 classes.
    """
    names = [VOC_TO_COCO.get(name, name) for name in classes]
    unknown = [name for name in names if name not in COCO_CLASSES]
    if unknown:
        raise UserError(f"not a COCO class, so zero-shot is impossible: {', '.join(unknown)}")
    rows = torch.tensor([COCO_CLASSES.index(name) for name in names])
    state = dict(state)
    for name, tensor in state.items():
        if name.startswith("head.cls_preds."):
            if len(tensor) != len(COCO_CLASSES):
                raise UserError(f"{source}: {name} has {len(tensor)} classes, COCO has 80")
            state[name] = tensor[rows]
    return state
