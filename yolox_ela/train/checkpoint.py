"""Checkpoints: plain tensors and numbers, and what must agree before a run goes on."""

import io
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from yolox_ela.errors import UserError
from yolox_ela.files import write_atomically
from yolox_ela.recipe import Recipe

# Settings that may change between a run and its resumption.
MAY_DIFFER = ("workers", "eval_interval", "evaluate_start", "evaluate_raw")


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Save tensors, numbers, strings and containers of them so that `weights_only=True` reads."""
    # Through memory: writing to a path itself, torch turns a full disk into a riddle.
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def require_same_run(content: Mapping[str, Any], recipe: Recipe, folder: Path) -> None:
    """Make sure that a saved state belongs to this recipe.

    Raises:
        UserError: a setting that decides the result has changed.
    """
    # A field that the state knows nothing of is newer than it, and had its default's effect.
    mine, saved = recipe.to_dict(), Recipe().to_dict() | content.get("recipe", {})
    changed = [
        f"{name} was {saved.get(name)}, is {mine[name]}"
        for name in mine
        if name not in MAY_DIFFER and saved.get(name) != mine[name]
    ]
    if changed:
        raise UserError(
            f"{folder} was started with other settings ({'; '.join(changed)}); give the same "
            "ones, or start a new run"
        )


def random_state() -> dict[str, Any]:
    """State of Python's, numpy's and torch's global generators of this process."""
    legacy: Any = np.random.get_state()  # noqa: NPY002
    version, words, position, has_gauss, gauss = legacy
    python_version, python_words, python_gauss = random.getstate()
    return {
        "python": [python_version, list(python_words), python_gauss],
        "numpy": [version, torch.from_numpy(words.astype(np.int64)), position, has_gauss, gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Put back what `random_state` saved."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, numpy_gauss = state["numpy"]
    words = keys.numpy().astype(np.uint32)
    np.random.set_state((name, words, position, has_gauss, numpy_gauss))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])
    if state["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])
