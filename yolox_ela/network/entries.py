"""Checking the entries of a checkpoint beside its weights, before anything uses them.

Files from elsewhere may have other values under the names that runs of this package use. Only
`classes`, `recipe` and `value_range` are used, and checked, in any file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolox_ela.saved_settings import checked_settings, require_names
from yolox_ela.schema import (
    AMOUNT,
    COUNT,
    DIGEST,
    NUMBER,
    TEXT,
    Kind,
    listed,
    mapped,
    optional,
    require,
)

REMEDY = "get the file again, or take the entry out and save it anew"
FOREIGN = "if this package did not write it, take it out and save the file again"

# Entries of the checkpoints and states that runs write; see `Training`.
OF_RUNS: dict[str, Kind] = {
    "experiment": TEXT,
    "package_experiment": TEXT,
    "epoch": AMOUNT,  # with a fraction, where a time limit has ended the run
    "metrics": mapped(optional(NUMBER), "a mapping of names to numbers"),
    "start": TEXT,
    "start_sha256": DIGEST,
    "train_images": COUNT,
    "train_data": TEXT,
    "test_data": TEXT,
    "weights": TEXT,
    "commit": TEXT,
}
VALUE_RANGE = listed(AMOUNT, 2, "two numbers that are not negative: what is white, see ValueRange")


def checked_entries(content: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """Check the entries of a checkpoint, and return its content.

    In the result, class names are in the entry `classes`, also if the file has them in its recipe
    only, and the recipe has the current names of its settings.

    Args:
        content: content of the file.
        source: path of the file, for messages.

    Raises:
        UserError: an entry has an invalid value.
    """
    content = dict(content)
    if "value_range" in content:
        require(content["value_range"], VALUE_RANGE, source, REMEDY, "value_range")
    if "classes" in content:
        content["classes"] = require_names(content["classes"], source)
    if "recipe" not in content:
        return content
    recipe = checked_settings(content["recipe"], source, "its entry 'recipe'", FOREIGN)
    content["recipe"] = recipe | {
        "classes": require_names(recipe["classes"], source, "'recipe.classes'")
    }
    if "classes" not in content:
        content["classes"] = list(content["recipe"]["classes"])
    for name in OF_RUNS.keys() & content.keys():
        require(content[name], OF_RUNS[name], source, REMEDY, name)
    return content
