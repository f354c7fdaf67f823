"""Reading a saved measurement of speed; see `speed.measure_speed`."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from yolox_ela.choices import MODES, SPEED_PRECISIONS
from yolox_ela.errors import UserError
from yolox_ela.schema import (
    ANYTHING,
    COUNT,
    FINITE,
    TEXT,
    Kind,
    choice,
    listed,
    optional,
    record,
)
from yolox_ela.system.json_files import read_json
from yolox_ela.system.program import command_text

ROW_NAMES = ("exp", "precision", "batch", "mode")
TIME = Kind("a number greater than 0", lambda value: FINITE.holds(value) and value > 0)
SOME = Kind("a list that is not empty", lambda value: isinstance(value, list) and len(value) > 0)
MEASUREMENT = record(
    {
        "settings": record(
            {
                "modes": replace(SOME, parts=listed(choice(MODES)).parts),
                "precisions": replace(SOME, parts=listed(choice(SPEED_PRECISIONS)).parts),
                "batches": replace(SOME, parts=listed(COUNT).parts),
                "image_size": ANYTHING,
                "rounds": COUNT,
            }
        ),
        "environment": record(
            {
                "gpu": optional(TEXT),
                "processor": TEXT,
                "cores": optional(COUNT),
                "threads": COUNT,
                "device": TEXT,
                "commit": TEXT,
                "versions": record({"torch": TEXT}),
            }
        ),
        "rows": listed(
            record(
                {
                    "exp": TEXT,
                    "precision": TEXT,
                    "batch": COUNT,
                    "mode": TEXT,
                    **dict.fromkeys(("ms", "speed", "speed_q1", "speed_q3"), TIME),
                },
                others=FINITE,
            )
        ),
    }
)


def read_measurement(path: Path) -> dict[str, Any]:
    """A measurement that was saved as JSON.

    Raises:
        UserError: the file cannot be read, or is something else.
    """
    remedy = f"name a file that `{command_text('table')} speed --save` has written"
    content = read_json(path, MEASUREMENT, remedy)
    settings = content["settings"]
    rows = [tuple(row[key] for key in ROW_NAMES) for row in content["rows"]]
    networks = {row[0] for row in rows}
    expected = {*product(networks, *(settings[key] for key in ("precisions", "batches", "modes")))}
    if not rows or set(rows) != expected or len(rows) != len(expected):
        raise UserError(
            f"{path} does not have a row for each network, precision, batch and mode; {remedy}"
        )
    return content
