"""Checkpoints: plain tensors and numbers, and what must agree before a run is resumed."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from yolox_ela.errors import UserError
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import RunSettings
from yolox_ela.system.files import write_atomically

# Settings that may change between a run and its resumption.
MAY_DIFFER = ("workers", "eval_interval", "patience", "evaluate_start", "evaluate_raw")


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Save tensors, numbers, strings and containers of them so that `weights_only=True` reads."""
    # Through memory: when torch writes to a path itself, its error hides that the disk is full.
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def require_same_epochs(content: Mapping[str, Any], recipe: RunSettings, folder: Path) -> None:
    """Make sure that a run to resume has as many epochs as it was planned for.

    Its learning rate falls along a cosine whose length is the number of epochs.

    Raises:
        UserError: the recipe has another number; says how to train on.
    """
    planned = content.get("recipe", {}).get("epochs", recipe.epochs)
    if planned == recipe.epochs:
        return
    more = recipe.epochs - planned
    weights = folder / "last.pth"
    further = f" -e {more}" if more > 0 else ""
    raise UserError(
        f"{folder} is a run of {planned} epochs, whose learning rate falls along a cosine until "
        f"the last one, so it cannot be resumed with {recipe.epochs}: leave -e out to complete it, "
        f"or train on from its weights in a new run, with -c {weights}{further} and without "
        "--resume"
    )


def require_same_run(content: Mapping[str, Any], recipe: RunSettings, folder: Path) -> None:
    """Make sure that a saved state belongs to this recipe.

    Raises:
        UserError: a setting that changes the result is another one.
    """
    require_same_epochs(content, recipe, folder)
    # A field that the state knows nothing of is newer than it, and had its default's effect.
    known = (Recipe() if isinstance(recipe, Recipe) else type(recipe)()).to_dict()
    mine, saved = recipe.to_dict(), known | content.get("recipe", {})
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
