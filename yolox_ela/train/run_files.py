"""What the JSON files of a run's folder must hold: checked once, when they are read."""

import re
from pathlib import Path
from typing import Any

from yolox_ela.choices import AUGMENTS, CACHES
from yolox_ela.saved_settings import checked_settings
from yolox_ela.schema import (
    COUNT,
    DIGEST,
    TEXT,
    Kind,
    choice,
    listed,
    mapped,
    optional,
    record,
)
from yolox_ela.system.json_files import read_json

DEVICE = Kind(
    "the name of a device",
    lambda value: (
        isinstance(value, str) and re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value) is not None
    ),
)
PROCESSES = Kind(
    "a whole number from 1 to 1024", lambda value: COUNT.holds(value) and 1 <= value <= 1024
)


OPTIONS = record(
    {},
    optional={
        "device": DEVICE,
        "devices": PROCESSES,
        "augment": choice(AUGMENTS),
        "cache": choice(CACHES),
        "compile": Kind("true or false", lambda value: isinstance(value, bool)),
    },
)
SESSION = record(
    {
        "processor": TEXT,
        "cores": optional(COUNT),
        "gpu": optional(TEXT),
        "versions": record({"torch": TEXT}, others=TEXT),
        "commit": TEXT,
        "command": TEXT,
    },
    optional={
        "data": TEXT,
        "weights": TEXT,
        "start": TEXT,
        "start_sha256": DIGEST,
        "options": OPTIONS,
    },
    words="an entry for a start or a resumption",
)
ENVIRONMENT = Kind(
    "a list with an entry for each start",
    lambda value: isinstance(value, list) and len(value) > 0,
    listed(SESSION).parts,
)
TRACKERS = mapped(optional(TEXT), "a mapping of trackers' names to their runs")


def read_environment(folder: Path, remedy: str) -> list[dict[str, Any]]:
    """The entries of environment.json, the newest last; at least one.

    Raises:
        UserError: the file is missing, damaged or something else.
    """
    return read_json(folder / "environment.json", ENVIRONMENT, remedy)


def read_config(folder: Path, remedy: str) -> dict[str, Any]:
    """The settings in config.json, checked by the rules of the recipe, and what is beside them.

    Raises:
        UserError: the file is missing, damaged or something else.
    """
    path = folder / "config.json"
    content = read_json(path, record({}, optional={"package_experiment": TEXT}), remedy)
    return checked_settings(content, path, "its content", remedy)


def read_trackers(path: Path) -> dict[str, str | None]:
    """The runs of trackers in trackers.json, by name; none if there is no such file.

    Raises:
        UserError: the file is damaged or something else.
    """
    if not path.exists():
        return {}
    return read_json(path, TRACKERS, "delete it to begin new runs there")
