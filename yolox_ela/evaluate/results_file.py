"""The results of an evaluation where they are read from a file."""

from pathlib import Path
from typing import Any

from yolox_ela.evaluate.scores import METRICS
from yolox_ela.schema import COUNT, SHARE, TEXT, Kind, choice, listed, mapped, optional, record
from yolox_ela.system.json_files import read_json

COUNTS = {"objects": COUNT, "difficult": COUNT, "detections": COUNT}
SECONDS = Kind(
    "a number greater than 0",
    lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and 0 < v < float("inf"),
)
IMAGE_SIZE = Kind(
    "a number of pixels, or height and width",
    lambda v: all(
        COUNT.holds(side) and 0 < side <= 2**16
        for side in (v if isinstance(v, (list, tuple)) and len(v) == 2 else [v])
    ),
)
RESULTS = record(
    {
        **{metric: optional(SHARE) for metric in METRICS},
        "per_class": mapped(record({**dict.fromkeys(METRICS, SHARE), **COUNTS})),
        "classes_without_objects": listed(TEXT),
        "images": COUNT,
        **COUNTS,
        "settings": record({"image_size": IMAGE_SIZE, "score_threshold": SHARE, "nms_iou": SHARE}),
        "seconds": SECONDS,
    },
    optional={
        "headline": choice(METRICS),
    },
)
"""The results of `score_detections`."""


def read_results(path: Path) -> dict[str, Any]:
    """The scores in a run's results.json; see `score_detections`.

    Raises:
        UserError: the file is missing, damaged or something else.
    """
    return read_json(path, RESULTS, "evaluate the run's best.pth again")
