"""Reading weights safely from files of several formats, and loading them by name."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from loguru import logger
from safetensors import safe_open
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.network.authors import import_authors, is_authors_state
from yolox_ela.network.dense_tensors import require_dense
from yolox_ela.network.entries import checked_entries
from yolox_ela.network.model import Yolox
from yolox_ela.network.normalisation import to_bgr_bytes
from yolox_ela.sizes import SIZES
from yolox_ela.system.checksums import require_checksums
from yolox_ela.system.files import exists, require_regular

# The numpy scalars that upstream's trainer saves beside its weights, under their names in numpy 1
# and 2; reading a file may unpickle these and plain tensors only.
SCALAR: Any = np.float64(0).__reduce__()[0]
NUMPY_SCALARS: list[Any] = [
    (SCALAR, "numpy.core.multiarray.scalar"),
    (SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"),
]


@dataclass
class LoadReport:
    """The result of loading weights by name, for each tensor."""

    loaded: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)  # in the model only
    unused: list[str] = field(default_factory=list)  # in the file only

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} tensors loaded"]
        for what, names in (
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
    """Read the state dict of a checkpoint's network; see `state_dict_of`.

    Raises:
        UserError: the file is missing, unreadable, or holds no state dict.
    """
    return state_dict_of(read_checkpoint(path), path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read everything in a checkpoint file with `weights_only=True`, tensors on the CPU.

    A safetensors file holds tensors only; class names may be in its metadata, under `classes` as a
    JSON list. Entries beside the weights are checked by `checked_entries`.

    Raises:
        UserError: the file is missing or damaged, would need unpickling of arbitrary objects, or an
            entry has an invalid value.
    """
    path = Path(path)
    if not exists(path):
        raise UserError(f"no checkpoint at {path}; give the path of a .pth file with -c")
    require_regular(path, "give a file of weights with -c")
    try:
        is_safetensors = _is_safetensors(path)
        if is_safetensors:
            content: Any = _read_safetensors(path)
        else:
            require_checksums(path)
            with torch.serialization.safe_globals(NUMPY_SCALARS):
                content = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged or foreign file
        raise UserError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): it is damaged, no "
            "checkpoint at all, or holds objects other than plain tensors, which are never "
            "unpickled; save its state dict alone, or get it again"
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a state dict")
    if "classes" in content and is_safetensors:
        content["classes"] = _names_in_metadata(content["classes"], path)
    require_dense(content, path)
    return checked_entries(content, path)


def _is_safetensors(path: Path) -> bool:
    """Whether a file has the format safetensors: 8 bytes of length, and a JSON header."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _read_safetensors(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        content: dict[str, Any] = {"model": {name: file.get_tensor(name) for name in file.keys()}}  # noqa: SIM118
        metadata = file.metadata() or {}
    if "classes" in metadata:
        content["classes"] = metadata["classes"]
    return content


def _names_in_metadata(text: str, path: Path) -> list[Any]:
    """The class names in the metadata of a safetensors file, which consist of texts."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list):
        raise UserError(
            f"{path}: 'classes' in its metadata must be a JSON list of names, as in "
            f'["cat", "dog"], not {text!r}; save it with json.dumps(names)'
        )
    return names


def state_dict_of(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The network's tensors in a checkpoint's content, for this package's network.

    They may be in the entry `model` or `state_dict`, or at the top level. Prefixes of DataParallel
    and torch.compile are removed from names. Networks from elsewhere that expect normalised RGB are
    folded; see `to_bgr_bytes`.

    Raises:
        UserError: there are no tensors, or they have values that are not finite, or negative
            variances.
    """
    state = plain_state(content, path)
    if "recipe" in content and "ema" in content:
        logger.info("{}: a run's state; its weights are those as trained, not averaged", path)
    if is_authors_state(state):
        logger.info("{} is the authors' released network", path)
        state = import_authors(state)
    if "recipe" in content:  # the weights of runs are for BGR
        return state
    return to_bgr_bytes(state, path)


def plain_state(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The network's tensors as they are in the file, under names without prefixes."""
    inner = next((content[key] for key in ("model", "state_dict") if key in content), content)
    tensors = inner.items() if isinstance(inner, Mapping) else ()
    state: dict[str, Tensor] = {}
    for key, tensor in tensors:
        if not isinstance(tensor, Tensor):
            continue
        name = _plain_name(str(key))
        if name in state:
            raise UserError(f"{path} holds two networks: {name} is there with and without a prefix")
        if not bool(tensor.float().isfinite().all()):  # as the network computes
            raise UserError(
                f"{path}: {key} has values that are not finite numbers, as of a training that has "
                "diverged: give weights of an earlier epoch"
            )
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise UserError(f"{path}: {key} has negative variances: it is damaged; get it again")
        state[name] = tensor
    if not state:
        raise UserError(
            f"{path} holds no network weights under 'model' or 'state_dict' or at its top level"
        )
    return state


def _plain_name(name: str) -> str:
    """A parameter's name without the prefixes of DataParallel and torch.compile."""
    parts = [part for part in name.split(".") if part != "_orig_mod"]
    while parts[:1] == ["module"]:
        del parts[0]
    return ".".join(parts)


def weights_digest(state: Mapping[str, Tensor], without: Iterable[str] = ()) -> str:
    """SHA-256 of a network's weights, independent of the file that holds them.

    It covers the name, type, shape and bytes of each tensor, in the order of names, without
    BatchNorm's unused counters of batches.

    Args:
        state: state dict of the network.
        without: names of further tensors to leave out.
    """
    digest = hashlib.sha256()
    left_out = set(without)
    for name, tensor in sorted(state.items()):
        if name in left_out or name.endswith(".num_batches_tracked"):
            continue
        digest.update(
            f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode("utf-8", "surrogatepass")
        )
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_pretrained(model: Yolox, state: Mapping[str, Tensor], source: Path) -> LoadReport:
    """Load initial weights that were trained with or without attention.

    Attention modules that are not in the file keep their initial values, and are reported.

    Args:
        model: the network to load the weights into.
        state: the weights, with class predictors for the model's classes; see `start_rows`.
        source: path of the file, for messages.

    Raises:
        UserError: another tensor of the network is missing or has another shape, so that the file
            is not a checkpoint of YOLOX of this size.
    """
    own = model.state_dict()
    report = LoadReport(unused=[name for name in state if name not in own])
    foreign = []
    for name, tensor in own.items():
        if name in state and _fits(state[name], tensor):
            report.loaded.append(name)
        elif name not in state and name.startswith("backbone.attention."):
            report.new.append(name)
        else:
            foreign.append(name)
    if foreign:
        raise UserError(
            f"{source} is not a {_title(model)} checkpoint: {len(foreign)} of the network's "
            f"tensors are missing from it or have another shape or type (first: {foreign[0]})"
            f"{_other_size(model, state)}"
        )
    model.load_state_dict({name: state[name] for name in report.loaded}, strict=False)
    return report


def load_trained(model: Yolox, state: Mapping[str, Tensor], source: Path) -> None:
    """Load weights that must fit the model exactly, for evaluation and prediction.

    Raises:
        UserError: a tensor is missing, superfluous, or of another shape.
    """
    own = model.state_dict()
    wrong = [n for n in own if n in state and not _fits(state[n], own[n])]
    missing = [n for n in own if n not in state]
    unused = [n for n in state if n not in own]
    if wrong or missing or unused:
        raise UserError(
            f"{source} does not fit this experiment: {len(missing)} tensors missing, "
            f"{len(unused)} left over, {len(wrong)} of another shape or type "
            f"(first: {(wrong or missing or unused)[0]})"
            + (
                _other_size(model, state)
                or "; name the experiment it was trained with (-f), and "
                "the attention and sites if a command line chose them"
            )
        )
    model.load_state_dict(dict(state))


def _fits(tensor: Tensor, own: Tensor) -> bool:
    """Whether a tensor can take the place of the network's own; any precision is right."""
    return tensor.shape == own.shape and tensor.is_floating_point() == own.is_floating_point()


def _title(model: Yolox) -> str:
    return f"YOLOX-{model.backbone.size.capitalize()}"


def _other_size(model: Yolox, state: Mapping[str, Tensor]) -> str:
    """What to do if the weights are those of another size of YOLOX; empty if they are not."""
    stem = state.get("backbone.backbone.stem.conv.conv.weight")
    channels = 0 if stem is None else len(stem)
    for size, (_, width, _) in SIZES.items():
        if channels == int(64 * width) and size != model.backbone.size:
            return (
                f"; they are weights of size {size}, and the network is of size "
                f"{model.backbone.size}: add size {size}, or give weights of size "
                f"{model.backbone.size}"
            )
    return ""
