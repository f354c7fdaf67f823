"""The images and objects of a run, by which a resumed run tells what has changed."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.system.files import write_atomically
from yolox_ela.train.task import Samples

SHOWN = 3  # images named of each kind of change


def data_entries(train_split: Samples, test_split: Samples) -> dict[str, Any]:
    """What a state and checkpoints record of the data: fingerprints, and the range of values."""
    return {
        "train_data": train_split.fingerprint(),
        "test_data": test_split.fingerprint(),
        "value_range": list(train_split.values),
    }


def keep_data(path: Path, train_split: Samples, test_split: Samples) -> None:
    """Write a hash of each image's content and of its objects, some 100 bytes an image.

    Raises:
        UserError: the file cannot be written.
    """
    arrays: dict[str, Any] = {}
    for name, split in (("train", train_split), ("test", test_split)):
        arrays |= {f"{name}.{key}": array for key, array in _per_image(split).items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def require_same_data(
    content: Mapping[str, Any], train_split: Samples, test_split: Samples, data_file: Path
) -> None:
    """Make sure that a saved state belongs to this data.

    Args:
        content: the content of the state.
        train_split: images to train on now.
        test_split: images to evaluate on now.
        data_file: what `keep_data` wrote at the run's start.

    Raises:
        UserError: images or objects have changed; names the first of them.
    """
    folder = data_file.parent
    if "test_data" not in content:
        if content.get("train_data") != train_split.labels_fingerprint():
            raise UserError(
                f"{folder} was trained on other images or boxes than its train_sets now have; "
                "give the same --data"
            )
        logger.warning(
            "{} was begun by a version that recorded neither pixels nor test images: whether they "
            "are the same as then cannot be told",
            folder,
        )
        return
    for name, split, use in (("train", train_split, "train"), ("test", test_split, "evaluate")):
        if content[f"{name}_data"] != split.fingerprint():
            raise UserError(
                f"{folder} was begun with other images or boxes to {use} on"
                f"{_changes(data_file, name, split)}; give the same --data, put the old files "
                "back, or start a new run"
            )


def _per_image(split: Samples) -> dict[str, np.ndarray]:
    return {
        "ids": split.ids.astype(str),
        "hashes": split.hashes,
        "objects": split.object_hashes(),
    }


def _changes(path: Path, name: str, split: Samples) -> str:
    """`: ` and which images differ, as far as the run's file tells."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            before = {key: arrays[f"{name}.{key}"].tolist() for key in ("ids", "hashes", "objects")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return f" (which ones cannot be told: {path} is missing or damaged)"
    now = {key: array.tolist() for key, array in _per_image(split).items()}
    old, new = (_by_id(images) for images in (before, now))
    both = [key for key in old if key in new]
    kinds = {
        "other pixels": [key for key in both if old[key][0] != new[key][0]],
        "other boxes": [key for key in both if old[key][1] != new[key][1]],
        "removed": [key for key in old if key not in new],
        "added": [key for key in new if key not in old],
    }
    parts = [
        f"{what}: {', '.join(image_id for image_id, _ in found[:SHOWN])}"
        + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
        for what, found in kinds.items()
        if found
    ]
    return f" ({'; '.join(parts) or 'in another order'})"


def _by_id(images: Mapping[str, list]) -> dict[tuple[str, int], tuple]:
    """Hashes of content and objects by id, with a number where sets of two years share an id."""
    result: dict[tuple[str, int], tuple] = {}
    for image_id, *hashes in zip(images["ids"], images["hashes"], images["objects"], strict=True):
        number = 0
        while (image_id, number) in result:
            number += 1
        result[image_id, number] = tuple(hashes)
    return result
